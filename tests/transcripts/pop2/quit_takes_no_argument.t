QUIT takes no argument.

maildrop: 2 messages
login: alice
C: QUIT now
S: - wrong number of arguments
server: close
