Marks are worth nothing without QUIT: a lost connection deletes nothing.

maildrop: 3 messages
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
C: DELE 3
S: +OK message 3 marked for deletion
client: half-close
server: close
maildrop after: unchanged
log: login: peer=local method=PASS user="alice"
log~ session end: user="alice" peer=local secs=\d+ reason=eof messages=3 .*
