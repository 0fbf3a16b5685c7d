With proxy-tls in --plaintext, TLS between client and proxy counts as TLS; the log says whose it was.

options: --proxy=192.0.2.1 --plaintext=proxy-tls
connection: tcp 192.0.2.1
maildrop: 1 message
C- \r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x14\xc6\x33\x64\x07\xc0\x00\x02\x01\x9c\x40\x00\x6e\x20\x00\x05\x01\x00\x00\x00\x00
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=198.51.100.7 via=192.0.2.1 tls=proxy method=PASS user="alice"
log~ session end: user="alice" peer=198.51.100.7 .* reason=quit .*
