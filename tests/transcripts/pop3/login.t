A login names the state of the maildrop; the log has one line for the login and one for the end of the session.

maildrop: 3 messages
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 3 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PASS user="alice"
log~ session end: user="alice" peer=local secs=\d+ reason=quit messages=3 octets=\d+ retrieved=0 top=0 deleted=0 received=32 sent=\d+
