The time for the login counts in an exchange, too, and its end says nothing.

options: --login-timeout=2
ways: written user
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: YWxpY2U=
S: + UGFzc3dvcmQ6
C- YWxp
server: close
log~ closed before login: peer=local secs=\d+ reason=timeout
