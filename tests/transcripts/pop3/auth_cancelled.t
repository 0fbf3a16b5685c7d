An asterisk ends an exchange without a strike; so does USER followed by AUTH. Another login succeeds.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: AUTH LOGIN YWxpY2U=
S: + UGFzc3dvcmQ6
C: *
S: -ERR authentication cancelled
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: *
S: -ERR authentication cancelled
C: USER bob
S: +OK send PASS
C: AUTH PLAIN
S: +\s
C: *
S: -ERR authentication cancelled
C: PASS bobpw
S: -ERR send USER first
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PASS user="alice"
log~ session end: .* reason=quit .*
