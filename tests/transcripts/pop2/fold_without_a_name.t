FOLD needs a name.

maildrop: 1 message
login: alice
C: FOLD
S: - wrong number of arguments
server: close
