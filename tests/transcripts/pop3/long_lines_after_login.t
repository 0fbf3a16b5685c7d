After the login a line may have 512 octets with its CRLF.

maildrop: 1 message
login: alice
C: LIST \{ *504}1
S: +OK 1 \{size 1}
C: LIST \{ *505}1
S: -ERR line too long
C: LIST 1\{ *10000}
S: -ERR line too long
C: NOOP\{\r*600}
S: -ERR line too long
C: STAT
S: +OK 1 \{octets}
C: QUIT
S: +OK bye
server: close
