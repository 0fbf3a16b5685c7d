A response may be 64 KiB long; one that is longer is refused, all of it.

ways: written once
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH PLAIN
S: +\s
C: \{QUJD*21000}
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN
S: +\s
C: \{QUJD*60000}
S: -ERR [AUTH] authentication failed
C: AUTH PLAIN
S: +\s
C: AGFsaWNlAGFsaWNlcHc=
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
