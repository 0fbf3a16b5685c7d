Message numbers are decimal, without sign and leading zeros; 0 and 4294967297 are numbers of no message; nothing wraps.

maildrop: 2 messages
login: alice
C: LIST 0
S: -ERR no such message
C: LIST 3
S: -ERR no such message
C: LIST 4294967296
S: -ERR no such message
C: LIST 4294967297
S: -ERR no such message
C: LIST -1
S: -ERR not a message number
C: LIST +1
S: -ERR not a message number
C: LIST 01
S: -ERR not a message number
C: LIST 00
S: -ERR not a message number
C: LIST 1x
S: -ERR not a message number
C: LIST x
S: -ERR not a message number
C: LIST 0x1
S: -ERR not a message number
C: LIST 1.0
S: -ERR not a message number
C: LIST 99999999999999999999
S: -ERR not a message number
C: UIDL 0
S: -ERR no such message
C: UIDL 3
S: -ERR no such message
C: UIDL 4294967296
S: -ERR no such message
C: UIDL 4294967297
S: -ERR no such message
C: UIDL -1
S: -ERR not a message number
C: UIDL +1
S: -ERR not a message number
C: UIDL 01
S: -ERR not a message number
C: UIDL 00
S: -ERR not a message number
C: UIDL 1x
S: -ERR not a message number
C: UIDL x
S: -ERR not a message number
C: UIDL 0x1
S: -ERR not a message number
C: UIDL 1.0
S: -ERR not a message number
C: UIDL 99999999999999999999
S: -ERR not a message number
C: RETR 0
S: -ERR no such message
C: RETR 3
S: -ERR no such message
C: RETR 4294967296
S: -ERR no such message
C: RETR 4294967297
S: -ERR no such message
C: RETR -1
S: -ERR not a message number
C: RETR +1
S: -ERR not a message number
C: RETR 01
S: -ERR not a message number
C: RETR 00
S: -ERR not a message number
C: RETR 1x
S: -ERR not a message number
C: RETR x
S: -ERR not a message number
C: RETR 0x1
S: -ERR not a message number
C: RETR 1.0
S: -ERR not a message number
C: RETR 99999999999999999999
S: -ERR not a message number
C: DELE 0
S: -ERR no such message
C: DELE 3
S: -ERR no such message
C: DELE 4294967296
S: -ERR no such message
C: DELE 4294967297
S: -ERR no such message
C: DELE -1
S: -ERR not a message number
C: DELE +1
S: -ERR not a message number
C: DELE 01
S: -ERR not a message number
C: DELE 00
S: -ERR not a message number
C: DELE 1x
S: -ERR not a message number
C: DELE x
S: -ERR not a message number
C: DELE 0x1
S: -ERR not a message number
C: DELE 1.0
S: -ERR not a message number
C: DELE 99999999999999999999
S: -ERR not a message number
C: TOP 0 0
S: -ERR no such message
C: TOP 3 0
S: -ERR no such message
C: TOP 4294967296 0
S: -ERR no such message
C: TOP 4294967297 0
S: -ERR no such message
C: TOP -1 0
S: -ERR not a message number
C: TOP +1 0
S: -ERR not a message number
C: TOP 01 0
S: -ERR not a message number
C: TOP 00 0
S: -ERR not a message number
C: TOP 1x 0
S: -ERR not a message number
C: TOP x 0
S: -ERR not a message number
C: TOP 0x1 0
S: -ERR not a message number
C: TOP 1.0 0
S: -ERR not a message number
C: TOP 99999999999999999999 0
S: -ERR not a message number
C: STAT
S: +OK 2 \{octets}
C: QUIT
S: +OK bye
server: close
