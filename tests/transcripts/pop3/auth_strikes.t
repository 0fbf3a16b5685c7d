Three strikes, whatever the methods.

ways: written user
maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C: PASS wrong
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN AGFsaWNlAHdyb25n
S: -ERR [AUTH] authentication failed
C: AUTH LOGIN bm9ib2R5LW9mLXRoYXQtbmFtZQ==
S: + UGFzc3dvcmQ6
C: eA==
S: -ERR [AUTH] authentication failed
server: close
log: login failed: peer=local method=PASS attempt=1 reason=refused user="alice"
log: login failed: peer=local method=PLAIN attempt=2 reason=refused user="alice"
log: login failed: peer=local method=LOGIN attempt=3 reason=refused user="nobody-of-that-name"
log~ closed before login: .* reason=refused
