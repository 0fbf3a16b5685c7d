The capabilities of both states: everything announced before the login stands after it, too.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: CAPA
S: +OK capability list follows
S: USER
S: TOP
S: UIDL
S: UTF8
S~ SASL PLAIN LOGIN.*
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: .
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: CAPA
S: +OK capability list follows
S: USER
S: TOP
S: UIDL
S: UTF8
S~ SASL PLAIN LOGIN.*
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S~ IMPLEMENTATION restante-\S+
S: .
C: QUIT
S: +OK bye
server: close
