A domain that the administrator named is stripped from the user's name; another one makes another name.

options: --domain example.org --domain=example.com
maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER alice@example.net
S: +OK send PASS
C: PASS alicepw
S: -ERR [AUTH] authentication failed
C: USER alice@example.com
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log~ login failed: .* attempt=1 reason=refused user="alice@example.net"
log~ login: peer=local method=PASS user="alice(@example.com)?"
log~ session end: user="alice" .*
