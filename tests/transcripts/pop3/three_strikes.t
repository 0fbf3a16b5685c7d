The third refused password ends the connection, whatever follows it.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C: PASS wrong
S: -ERR [AUTH] authentication failed
C: USER alice
S: +OK send PASS
C: PASS Alicepw
S: -ERR [AUTH] authentication failed
C: USER alice
S: +OK send PASS
C: PASS alicepw2
S: -ERR [AUTH] authentication failed
server: close
log: login failed: peer=local method=PASS attempt=1 reason=refused user="alice"
log: login failed: peer=local method=PASS attempt=2 reason=refused user="alice"
log: login failed: peer=local method=PASS attempt=3 reason=refused user="alice"
log~ closed before login: peer=local secs=\d+ reason=refused
