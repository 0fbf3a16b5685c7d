PASS needs a USER before it, and after a refusal a new one.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: PASS alicepw
S: -ERR send USER first
C: USER alice
S: +OK send PASS
C: PASS wrong
S: -ERR [AUTH] authentication failed
C: PASS alicepw
S: -ERR send USER first
C: QUIT
S: +OK bye
server: close
