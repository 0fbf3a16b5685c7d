Who is not listed as a proxy tells nothing: the header is a command like another, and a bad one.

options: --proxy=198.51.100.0/24 --plaintext=192.0.2.1
connection: tcp 192.0.2.1
maildrop: empty
S: +OK POP3 \{host} ready
C: PROXY TCP4 127.0.0.1 192.0.2.1 40000 110
S: -ERR unknown command
C: \r\n\r\n\x00\r\nQUIT
S: -ERR unknown command
S: -ERR unknown command
S: -ERR unknown command
S: +OK bye
server: close
log~ closed before login: peer=192.0.2.1 secs=\d+ reason=quit
