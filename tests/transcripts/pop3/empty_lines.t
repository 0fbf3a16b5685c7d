An empty line, or one of spaces, is an unknown command.

maildrop: 1 message
S: +OK POP3 \{host} ready
C:
S: -ERR unknown command
C: USER alice
S: +OK send PASS
C:
S: -ERR unknown command
C: PASS alicepw
S~ (\+OK maildrop has 1 messages .*|-ERR send USER first)
C: QUIT
S: +OK bye
server: close
