READ wants a decimal number without sign or leading zeros.

maildrop: 2 messages
login: alice
C: READ 1x
S: - not a message number
server: close
