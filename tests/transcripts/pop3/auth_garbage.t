What is no base64, or not what the mechanism wants, is refused like a wrong password and counts.

ways: written user
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH PLAIN
S: +\s
C: AGFsaWNlAGFsaWNlcHc=x
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN AGFsaWNlAGFsaWNlcHc
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN =
S: -ERR [AUTH] authentication failed
server: close
log: login failed: peer=local method=PLAIN attempt=1 reason=refused user=""
log: login failed: peer=local method=PLAIN attempt=2 reason=refused user=""
log: login failed: peer=local method=PLAIN attempt=3 reason=refused user=""
log~ closed before login: .* reason=refused
