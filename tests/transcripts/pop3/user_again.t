A second USER replaces the first.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER bob
S: +OK send PASS
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
