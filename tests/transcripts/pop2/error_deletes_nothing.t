Any refused command ends the session and drops the marks.

maildrop: 2 messages
login: alice
C: READ
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
C: NOOP
S: - unknown command
server: close
maildrop after: unchanged
