Too many or too few arguments are refused, command by command.

maildrop: 2 messages
S: +OK POP3 \{host} ready
C: USER
S: -ERR wrong number of arguments
C: USER alice bob
S: -ERR wrong number of arguments
C: QUIT now
S: -ERR wrong number of arguments
C: CAPA all
S: -ERR wrong number of arguments
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 2 messages (\{octets} octets)
C: STAT 1
S: -ERR wrong number of arguments
C: LIST 1 2
S: -ERR wrong number of arguments
C: UIDL 1 2
S: -ERR wrong number of arguments
C: RETR
S: -ERR wrong number of arguments
C: RETR 1 2
S: -ERR wrong number of arguments
C: DELE
S: -ERR wrong number of arguments
C: DELE 1 2
S: -ERR wrong number of arguments
C: TOP
S: -ERR wrong number of arguments
C: TOP 1
S: -ERR wrong number of arguments
C: TOP 1 2 3
S: -ERR wrong number of arguments
C: NOOP 1
S: -ERR wrong number of arguments
C: RSET 1
S: -ERR wrong number of arguments
C: LAST 1
S: -ERR wrong number of arguments
C: CAPA 1
S: -ERR wrong number of arguments
C: QUIT 1
S: -ERR wrong number of arguments
C: QUIT
S: +OK bye
server: close
