QUIT without its line end was not said: nothing is deleted.

maildrop: 3 messages
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
C- QUIT
client: half-close
server: close
maildrop after: unchanged
log: login: peer=local method=PASS user="alice"
log~ session end: .* reason=eof .*
