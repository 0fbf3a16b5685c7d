A loopback address that a proxy tells of is not this machine: it relaxes nothing.

options: --proxy=192.0.2.0/24 --plaintext=0.0.0.0/0
connection: tcp 192.0.2.1
maildrop: 1 message
C: PROXY TCP4 127.0.0.1 192.0.2.1 40000 110
S: +OK POP3 \{host} ready
C: USER alice
S: -ERR clear-text logins are not allowed on this connection
C: QUIT
S: +OK bye
server: close
log: login failed: peer=127.0.0.1 via=192.0.2.1 method=PASS attempt=1 reason=plaintext user="alice"
log~ closed before login: peer=127.0.0.1 secs=\d+ reason=quit
