A whole session said in one breath is answered in order.

maildrop: 3 messages
S: + POP2 \{host} ready
C- HELO alice alicepw\r\nREAD\r\nRETR\r\nACKD\r\nRETR\r\nACKS\r\nRETR\r\nACKD\r\nQUIT\r\n
S: #3
S: =\{size 1}
S= octets 1
S: =\{size 2}
S= octets 2
S: =\{size 3}
S= octets 3
S: =0
S: + bye
server: close
maildrop after: messages 2
