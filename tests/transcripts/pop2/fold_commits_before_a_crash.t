After a FOLD the deletions are done, even if the client is never heard of again.

maildrop: 3 messages
login: alice
C: READ 3
S: =\{size 3}
C: RETR
S= octets 3
C: ACKD
S: =0
C: FOLD elsewhere
S: #0
client: half-close
server: close
maildrop after: messages 1 2
