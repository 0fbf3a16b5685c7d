A proxy says first who its client is; that address is logged and judged, and what follows the header is the client's.

options: --proxy=192.0.2.0/24 --plaintext=198.51.100.7
connection: tcp 192.0.2.1
maildrop: 2 messages
C: PROXY TCP4 198.51.100.7 192.0.2.1 40000 109
S: + POP2 \{host} ready
C: HELO alice alicepw
S: #2
C: QUIT
S: + bye
server: close
log: login: peer=198.51.100.7 via=192.0.2.1 method=HELO user="alice"
log~ session end: user="alice" peer=198.51.100.7 .* reason=quit .*
