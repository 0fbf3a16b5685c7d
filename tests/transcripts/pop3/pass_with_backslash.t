POP3 quotes nothing: a backslash in a password is a backslash, a space a space.

maildrop: missing
S: +OK POP3 \{host} ready
C: USER grace
S: +OK send PASS
C: PASS a\\b c
S: +OK maildrop has 0 messages (0 octets)
C: QUIT
S: +OK bye
server: close
