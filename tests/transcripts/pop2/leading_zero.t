01 is no message number.

maildrop: 2 messages
login: alice
C: READ 01
S: - not a message number
server: close
