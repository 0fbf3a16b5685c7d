READ without an argument asks for the current message again and again; a number moves there; RETR alone moves nothing.

maildrop: 3 messages
login: alice
C: READ
S: =\{size 1}
C: READ
S: =\{size 1}
C: READ 3
S: =\{size 3}
C: READ
S: =\{size 3}
C: READ 2
S: =\{size 2}
C: RETR
S= octets 2
C: NACK
S: =\{size 2}
C: RETR
S= octets 2
C: NACK
S: =\{size 2}
C: QUIT
S: + bye
server: close
maildrop after: unchanged
