The domain that is named comes off, wherever a name stands.

options: --domain=mail.example.org --domain=example.org
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH PLAIN YWxpY2UAYWxpY2VAZXhhbXBsZS5vcmcAYWxpY2Vwdw==
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PLAIN user="alice"
log~ session end: .* reason=quit .*
