A client that goes in the middle of an exchange leaves nothing behind.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C- YWxp
client: half-close
server: close
log~ closed before login: peer=local secs=\d+ reason=eof
