A mailbox that does not exist is empty, and is not made.

maildrop: missing
login: alice
C: STAT
S: +OK 0 0
C: LIST
S: +OK 0 messages (0 octets)
S: .
C: UIDL
S: +OK 0 messages
S: .
C: RETR 1
S: -ERR no such message
C: QUIT
S: +OK bye
server: close
maildrop after: unchanged
