PLAIN without it: an empty challenge is a plus, a space and nothing else. The name may stand twice.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: auth plain
S: +\s
C: YWxpY2UAYWxpY2UAYWxpY2Vwdw==
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PLAIN user="alice"
log~ session end: .* reason=quit .*
