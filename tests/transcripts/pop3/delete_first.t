The first message is removed, what follows moves forward whole.

maildrop: 3 messages of 1000 octets
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 2 3
