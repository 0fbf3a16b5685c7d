Thunderbird's way: CAPA, AUTH PLAIN in two steps, and XTND XLST once; the refusal of that must not end anything, and UIDL
must not fail at all.

as: root
maildrop: 2 messages of 300 octets
S: +OK POP3 \{host} ready
C: AUTH
S: +OK mechanisms follow
S: PLAIN
S: LOGIN
S: .
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
C: AUTH PLAIN
S: +\s
C: AGFsaWNlAGFsaWNlcHc=
S: +OK maildrop has 2 messages (\{octets} octets)
C: STAT
S: +OK 2 \{octets}
C: LIST
S: +OK 2 messages (\{octets} octets)
S= list
S: .
C: UIDL
S: +OK 2 messages
S= uidl
S: .
C: XTND XLST Message-Id
S: -ERR unknown command
C: TOP 1 0
S: +OK top of message follows
S= top 1 0
S: .
C: RETR 2
S: +OK \{size 2} octets
S= message 2
S: .
C: DELE 2
S: +OK message 2 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 1
