Where clear text is not allowed, USER is not announced, and neither USER nor PASS gets as far as a password check.

# An ordinary user has a secret file, which brings APOP and mechanisms that send no password.
ways: written octets once maildir
options: --plaintext=never
maildrop: 1 message
S: +OK POP3 \{host} ready
C: CAPA
S: +OK capability list follows
S: TOP
S: UIDL
S: UTF8
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: .
C: USER alice
S: -ERR clear-text logins are not allowed on this connection
C: PASS alicepw
S: -ERR clear-text logins are not allowed on this connection
C: QUIT
S: +OK bye
server: close
