Quoted spaces at both ends and inside a password are its own.

as: root
maildrop: missing
S: + POP2 \{host} ready
C: HELO erin \\ open\\ \\ sesame\\\s
S: #0
C: QUIT
S: + bye
server: close
