Without a certificate there is no STLS.

options: --plaintext=local
S: +OK POP3 \{host} ready
C: CAPA
S: +OK capability list follows
S: USER
S: TOP
S: UIDL
S: UTF8
S~ SASL PLAIN LOGIN.*
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: .
C: STLS
S: -ERR [SYS/PERM] TLS is not available
C: QUIT
S: +OK bye
server: close
