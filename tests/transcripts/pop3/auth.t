A bare AUTH lists the mechanisms; there are none yet, and unknown ones are refused.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH
S: +OK mechanisms follow
S: .
C: AUTH X-NONE
S: -ERR unknown authentication mechanism
C: AUTH X-NONE =
S: -ERR unknown authentication mechanism
C: AUTH a b c
S: -ERR wrong number of arguments
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
