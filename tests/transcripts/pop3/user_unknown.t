An unknown user is told no sooner and no otherwise than a known one with a wrong password, and may try again.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER nobody-of-that-name
S: +OK send PASS
C: PASS alicepw
S: -ERR [AUTH] authentication failed
C: USER alice
S: +OK send PASS
C: PASS wrong
S: -ERR [AUTH] authentication failed
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login failed: peer=local method=PASS attempt=1 reason=refused user="nobody-of-that-name"
log: login failed: peer=local method=PASS attempt=2 reason=refused user="alice"
log: login: peer=local method=PASS user="alice"
log~ session end: user="alice" .* reason=quit .*
