A missing mailbox is #0, and is not made.

maildrop: missing
login: alice
C: READ
S: =0
C: QUIT
S: + bye
server: close
