Everything behind "PASS " is the password: spaces at its beginning, inside, and at its end.

as: root
maildrop: missing
S: +OK POP3 \{host} ready
C: USER erin
S: +OK send PASS
C: PASS open  sesame
S: -ERR [AUTH] authentication failed
C: USER erin
S: +OK send PASS
C: PASS  open  sesame\s
S: +OK maildrop has 0 messages (0 octets)
C: QUIT
S: +OK bye
server: close
