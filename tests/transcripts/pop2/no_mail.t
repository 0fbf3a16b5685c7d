RFC 937's third example: an empty maildrop is #0, and READ there is =0, not an error.

maildrop: empty
login: alice
C: READ
S: =0
C: READ 1
S: =0
C: QUIT
S: + bye
server: close
