One refused HELO is the end.

maildrop: 1 message
S: + POP2 \{host} ready
C: HELO alice wrong
S: - authentication failed
server: close
log: login failed: peer=local method=HELO attempt=1 reason=refused user="alice"
log~ closed before login: peer=local secs=\d+ reason=(refused|error)
