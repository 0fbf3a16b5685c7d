A line of 512 octets with its CRLF is taken.

maildrop: 1 message
S: + POP2 \{host} ready
C: HELO alice alicepw\{ *491}
S: #1
C: READ\{ *505}1
S: =\{size 1}
C: QUIT
S: + bye
server: close
