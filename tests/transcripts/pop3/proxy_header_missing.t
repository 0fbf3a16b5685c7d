Where a proxy must speak first nobody else is heard, and nothing is said: not even a greeting.

options: --proxy=192.0.2.1
connection: tcp 192.0.2.1
maildrop: 1 message
C: USER alice
server: close
log~ closed before login: peer=192.0.2.1 secs=\d+ reason=proxy
