RFC 937's second example: FOLD to the own spool file by its path, two spaces before a number, ACKS keeps.

maildrop: 3 messages
login: alice
C: FOLD \{spool}
S: #3
C: READ  3
S: =\{size 3}
C: RETR
S= octets 3
C: ACKS
S: =0
C: QUIT
S: + bye
server: close
maildrop after: unchanged
