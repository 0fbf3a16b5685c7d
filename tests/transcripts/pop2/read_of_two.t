READ takes one number at most.

maildrop: 2 messages
login: alice
C: READ 1 2
S: - wrong number of arguments
server: close
