A backslash takes the next octet as it is: a space or a backslash in a password, or any other octet.

maildrop: missing
S: + POP2 \{host} ready
C: HELO \\gr\\ace a\\\\b\\ c
S: #0
C: QUIT
S: + bye
server: close
log: login: peer=local method=HELO user="grace"
log~ session end: user="grace" .*
