Runs of spaces between arguments and spaces at the end of a line are accepted.

maildrop: 2 messages
S: +OK POP3 \{host} ready
C: USER   alice  \s
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 2 messages (\{octets} octets)
C: LIST   2  \s
S: +OK 2 \{size 2}
C: TOP  1   0 \s
S: +OK top of message follows
S= top 1 0
S: .
C: STAT \s
S: +OK 2 \{octets}
C: QUIT\s
S: +OK bye
server: close
