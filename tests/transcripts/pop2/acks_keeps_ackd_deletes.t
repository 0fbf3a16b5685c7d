ACKS keeps and goes on, ACKD deletes and goes on, NACK stays; QUIT applies it.

maildrop: 4 messages of 500 octets
login: alice
C: READ
S: =\{size 1}
C: RETR
S= octets 1
C: ACKS
S: =\{size 2}
C: RETR
S= octets 2
C: ACKD
S: =\{size 3}
C: RETR
S= octets 3
C: NACK
S: =\{size 3}
C: RETR
S= octets 3
C: ACKD
S: =\{size 4}
C: RETR
S= octets 4
C: ACKS
S: =0
C: QUIT
S: + bye
server: close
maildrop after: messages 1 4
