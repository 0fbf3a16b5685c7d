What fetchmail does: RETR after =0. The server closes and deletes nothing, not even what was acknowledged.

maildrop: 2 messages
login: alice
C: READ 1
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
C: READ 3
S: =0
C: RETR
server: close
maildrop after: unchanged
