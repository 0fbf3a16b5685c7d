RETR on a length of 0 ends the connection without a word.

maildrop: empty
login: alice
C: READ
S: =0
C: RETR
server: close
log: login: peer=local method=HELO user="alice"
log~ session end: .* reason=refused .*
