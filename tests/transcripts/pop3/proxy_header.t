A proxy says first who its client is; that address is logged and judged, and what follows the header is the client's.

options: --proxy=192.0.2.0/24 --plaintext=198.51.100.0/24
connection: tcp 192.0.2.1
maildrop: 1 message
C: PROXY TCP4 198.51.100.7 192.0.2.1 40000 110
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=198.51.100.7 via=192.0.2.1 method=PASS user="alice"
log~ session end: user="alice" peer=198.51.100.7 .* reason=quit .*
