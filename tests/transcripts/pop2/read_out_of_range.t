A number of no message is =0 and no error, and READ of another goes on from there.

maildrop: 2 messages
login: alice
C: READ 3
S: =0
C: READ 0
S: =0
C: READ 4294967297
S: =0
C: READ 2
S: =\{size 2}
C: QUIT
S: + bye
server: close
