Where no password may be sent in clear, the refusal names STLS, and inside TLS it is allowed.

certificate: chain
options: --plaintext=never
maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER alice
S: -ERR clear-text logins are not allowed on this connection, send STLS first
C: AUTH PLAIN AGFsaWNlAGFsaWNlcHc=
S: -ERR clear-text logins are not allowed on this connection, send STLS first
C: STLS
S: +OK begin TLS
client: tls
C: AUTH PLAIN AGFsaWNlAGFsaWNlcHc=
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
