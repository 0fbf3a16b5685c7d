Where passwords are not taken in clear, PLAIN and LOGIN are neither listed nor heard.

options: --plaintext=never
as: root
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH
S: +OK mechanisms follow
S: .
C: AUTH PLAIN AGFsaWNlAGFsaWNlcHc=
S: -ERR clear-text logins are not allowed on this connection
C: AUTH LOGIN
S: -ERR clear-text logins are not allowed on this connection
C: QUIT
S: +OK bye
server: close
log: login failed: peer=local method=PLAIN attempt=1 reason=plaintext user=""
log: login failed: peer=local method=LOGIN attempt=2 reason=plaintext user=""
log~ closed before login: .* reason=quit
