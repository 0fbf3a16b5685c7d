FOLD releases the maildrop: what was acknowledged is gone, the rest is counted anew from 1.

maildrop: 3 messages
login: alice
C: READ 1
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
C: FOLD INBOX
S: #2
C: READ
S: =\{size 2}
C: RETR
S= octets 2
C: ACKS
S: =\{size 3}
C: READ 3
S: =0
C: QUIT
S: + bye
server: close
maildrop after: messages 2 3
