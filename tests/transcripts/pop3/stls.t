STLS: TLS begins behind the reply; inside, it is neither offered nor accepted again.

certificate: chain
maildrop: 3 messages
S: +OK POP3 \{host} ready
C: STLS now
S: -ERR wrong number of arguments
C: stls
S: +OK begin TLS
client: tls
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
S: -ERR TLS is active already
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 3 messages (\{octets} octets)
C: STLS
S: -ERR command not allowed in this state
C: RETR 2
S: +OK \{size 2} octets
S= message 2
S: .
C: DELE 2
S: +OK message 2 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 1 3
log~ login: peer=local tls=TLSv1\.3 cipher=TLS_AES_256_GCM_SHA384 method=PASS user="alice"
log~ session end: .* reason=quit .*
