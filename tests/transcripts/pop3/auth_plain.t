PLAIN with the initial response in the command.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: AUTH PLAIN AGFsaWNlAGFsaWNlcHc=
S: +OK maildrop has 1 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PLAIN user="alice"
log~ session end: .* reason=quit .*
