Whoever only begins exchanges is sent away.

ways: written user
maildrop: empty
S: +OK POP3 \{host} ready
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
server: close
log~ closed before login: peer=local secs=\d+ reason=refused
