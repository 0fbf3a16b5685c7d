What was said before STLS counts no more: a user name is forgotten, and so is a SASL exchange that was given up.

certificate: chain
maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER bob
S: +OK send PASS
C: STLS
S: +OK begin TLS
client: tls
C: PASS alicepw
S: -ERR send USER first
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
