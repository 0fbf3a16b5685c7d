NOOP does nothing, politely.

maildrop: 1 message
login: alice
C: NOOP
S: +OK
C: NOOP
S: +OK
C: QUIT
S: +OK bye
server: close
