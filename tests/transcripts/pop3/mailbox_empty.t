An empty mailbox has no messages and stays as it is.

maildrop: empty
login: alice
C: STAT
S: +OK 0 0
C: LIST 1
S: -ERR no such message
C: LAST
S: +OK 0
C: RSET
S: +OK maildrop has 0 messages (0 octets)
C: QUIT
S: +OK bye
server: close
maildrop after: unchanged
