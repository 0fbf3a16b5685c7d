Several holes close in one update, kept messages stay in order.

maildrop: 6 messages of 5000 octets
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
C: DELE 3
S: +OK message 3 marked for deletion
C: DELE 5
S: +OK message 5 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 2 4 6
