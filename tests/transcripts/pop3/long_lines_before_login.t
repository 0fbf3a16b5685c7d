Before the login a line may have 255 octets with its CRLF; a longer one, however long, gets one refusal and no guess.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER \{a*248}
S: +OK send PASS
C: USER \{a*249}
S: -ERR line too long
C: USER \{a*505}
S: -ERR line too long
C: QUIT \{QUIT *2500}
S: -ERR line too long
C: \{x*20000}
S: -ERR line too long
C- USER \{a*249}\n
S: +OK send PASS
C- USER \{a*250}\n
S: -ERR line too long
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
