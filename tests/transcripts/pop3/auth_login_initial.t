LOGIN with the name in the command, as some clients send it.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH LOGIN YWxpY2U=
S: + UGFzc3dvcmQ6
C: YWxpY2Vwdw==
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=LOGIN user="alice"
log~ session end: .* reason=quit .*
