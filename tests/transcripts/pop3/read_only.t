With --read-only nothing can be marked, everything can be read.

options: --read-only
maildrop: 2 messages
login: alice
C: DELE 1
S: -ERR [SYS/PERM] maildrop is read-only
C: RETR 1
S: +OK \{size 1} octets
S= message 1
S: .
C: STAT
S: +OK 2 \{octets}
C: QUIT
S: +OK bye
server: close
maildrop after: unchanged
