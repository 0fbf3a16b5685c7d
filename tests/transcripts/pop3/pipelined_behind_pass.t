Commands sent in one breath with the password are all answered, in order.

maildrop: 3 messages
S: +OK POP3 \{host} ready
C- USER alice\r\nPASS alicepw\r\nSTAT\r\nLIST 2\r\nDELE 2\r\nNOOP\r\nQUIT\r\n
S: +OK send PASS
S: +OK maildrop has 3 messages (\{octets} octets)
S: +OK 3 \{octets}
S: +OK 2 \{size 2}
S: +OK message 2 marked for deletion
S: +OK
S: +OK bye
server: close
maildrop after: messages 1 3
