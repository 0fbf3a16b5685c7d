The end of input between USER and PASS, in the middle of a line.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C- PASS alice
client: half-close
server: close
log~ closed before login: peer=local secs=\d+ reason=eof
