Verbs are understood in any case; arguments are not touched.

maildrop: 2 messages
S: +OK POP3 \{host} ready
C: user alice
S: +OK send PASS
C: pAsS alicepw
S: +OK maildrop has 2 messages (\{octets} octets)
C: stat
S: +OK 2 \{octets}
C: Uidl 2
S: +OK 2 \{uidl 2}
C: lIST 1
S: +OK 1 \{size 1}
C: quit
S: +OK bye
server: close
