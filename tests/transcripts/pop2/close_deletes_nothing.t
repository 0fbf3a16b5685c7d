A client that closes hard deletes nothing.

maildrop: 2 messages
login: alice
C: READ
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
client: close
maildrop after: unchanged
