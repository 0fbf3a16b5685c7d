Nothing behind QUIT is looked at.

maildrop: 2 messages
login: alice
C- QUIT\r\nDELE 1\r\nQUIT\r\n
S: +OK bye
server: close
maildrop after: unchanged
