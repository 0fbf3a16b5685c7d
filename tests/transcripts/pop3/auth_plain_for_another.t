Nobody logs in for somebody else, with whatever password.

ways: written user
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH PLAIN Ym9iAGFsaWNlAGFsaWNlcHc=
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN YWxpY2UAYWxpY2UAYWxpY2VwdwA=
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN YWxpY2Vwdw==
S: -ERR [AUTH] authentication failed
server: close
log: login failed: peer=local method=PLAIN attempt=1 reason=refused user="alice"
log: login failed: peer=local method=PLAIN attempt=2 reason=refused user="alice"
log: login failed: peer=local method=PLAIN attempt=3 reason=refused user=""
log~ closed before login: .* reason=refused
