USER and then AUTH begins another exchange and drops the first; whoever does nothing else is sent away in the middle, too.

maildrop: empty
S: +OK POP3 \{host} ready
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: USER alice
S: +OK send PASS
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: USER alice
S: +OK send PASS
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: USER alice
S: +OK send PASS
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: USER alice
S: +OK send PASS
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: USER alice
S: +OK send PASS
C: AUTH PLAIN
server: close
log~ closed before login: peer=local secs=\d+ reason=refused
