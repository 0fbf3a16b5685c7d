A connection that ends without QUIT deletes nothing.

maildrop: 2 messages
login: alice
C: READ
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
client: half-close
server: close
maildrop after: unchanged
log: login: peer=local method=HELO user="alice"
log~ session end: user="alice" .* reason=eof .*
