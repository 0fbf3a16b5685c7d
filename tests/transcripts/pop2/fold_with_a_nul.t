A folder whose name holds a NUL does not exist, and the session goes on.

maildrop: 2 messages
login: alice
C: FOLD a\x00b
S: #0
C: READ
S: =0
C: FOLD INBOX
S: #2
C: QUIT
S: + bye
server: close
