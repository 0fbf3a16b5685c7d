NULs and other control octets in a command make it unknown; in an argument they make no number. Nothing is cut off there.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: \x00
S: -ERR unknown command
C: QU\x00IT
S: -ERR unknown command
C: QUIT\x00
S: -ERR unknown command
C: \x16\x03\x01\x02
S: -ERR unknown command
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: STAT\x00
S: -ERR unknown command
C: NO\x7fOP
S: -ERR unknown command
C: LIST 1\x00
S: -ERR not a message number
C: LIST \x001
S: -ERR not a message number
C: LIST 1\x002
S: -ERR not a message number
C: DELE\t1
S: -ERR unknown command
C: ST\xc3\xa4T
S: -ERR unknown command
C: QUIT
S: +OK bye
server: close
