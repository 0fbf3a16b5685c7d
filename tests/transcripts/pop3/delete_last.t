The last message is removed by cutting the mailbox off.

maildrop: 3 messages of 1000 octets
login: alice
C: DELE 3
S: +OK message 3 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 1 2
