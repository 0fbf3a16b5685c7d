A NUL does not end a name or a password: neither "alice NUL x" nor "alicepw NUL x" is let in.

maildrop: 1 message
S: +OK POP3 \{host} ready
C: USER alice\x00x
S~ (\+OK send PASS|-ERR .*)
C: PASS alicepw
S~ -ERR .*
C: USER alice
S: +OK send PASS
C: PASS alicepw\x00x
S~ -ERR .*
C: STAT
S: -ERR command not allowed in this state
C: QUIT
S: +OK bye
server: close
