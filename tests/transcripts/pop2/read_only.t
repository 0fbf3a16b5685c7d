With --read-only ACKD keeps the message without saying so.

options: --read-only
maildrop: 2 messages
login: alice
C: READ
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
C: QUIT
S: + bye
server: close
maildrop after: unchanged
