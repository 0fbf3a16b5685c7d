QUIT while an acknowledgement is due is an error: nothing is deleted, also not what was acknowledged before.

maildrop: 2 messages
login: alice
C: READ
S: =\{size 1}
C: RETR
S= octets 1
C: ACKD
S: =\{size 2}
C: RETR
S= octets 2
C: QUIT
S: - command not allowed in this state
server: close
maildrop after: unchanged
log: login: peer=local method=HELO user="alice"
log~ session end: user="alice" .* reason=refused .*
