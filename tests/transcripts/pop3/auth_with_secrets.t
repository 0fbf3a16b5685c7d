With a secret file a bare AUTH lists more mechanisms; unknown ones are refused, and a refusal changes nothing.

as: user
maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH
S: +OK mechanisms follow
S: PLAIN
S: LOGIN
S: CRAM-MD5
S: SCRAM-SHA-1
S: SCRAM-SHA-256
S: .
C: AUTH X-NONE
S: -ERR unknown authentication mechanism
C: AUTH X-NONE =
S: -ERR unknown authentication mechanism
C: AUTH APOP
S: -ERR unknown authentication mechanism
C: AUTH GSSAPI
S: -ERR unknown authentication mechanism
C: AUTH a b c
S: -ERR wrong number of arguments
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: AUTH PLAIN AGFsaWNlAGFsaWNlcHc=
S: -ERR command not allowed in this state
C: AUTH
S: -ERR command not allowed in this state
C: QUIT
S: +OK bye
server: close
