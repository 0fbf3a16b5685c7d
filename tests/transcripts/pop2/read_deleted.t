An acknowledged message is =0 until the maildrop is released; the others keep their numbers.

maildrop: 3 messages
login: alice
C: READ 2
S: =\{size 2}
C: RETR
S= octets 2
C: ACKD
S: =\{size 3}
C: READ 2
S: =0
C: READ 3
S: =\{size 3}
C: READ 1
S: =\{size 1}
C: RETR
S= octets 1
# The next one is deleted.
C: ACKS
S: =0
C: QUIT
S: + bye
server: close
maildrop after: messages 1 3
