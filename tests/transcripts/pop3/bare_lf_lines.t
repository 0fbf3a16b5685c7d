A bare LF ends a command as CRLF does; replies always end in CRLF. A CR inside a line is no end.

maildrop: 1 message
S: +OK POP3 \{host} ready
C- USER alice\nPASS alicepw\n
S: +OK send PASS
S: +OK maildrop has 1 messages (\{octets} octets)
C- NOOP\nSTAT\r\nNOOP\n
S: +OK
S: +OK 1 \{octets}
S: +OK
C- NOOP\rSTAT\n
S: -ERR unknown command
C- QUIT\n
S: +OK bye
server: close
