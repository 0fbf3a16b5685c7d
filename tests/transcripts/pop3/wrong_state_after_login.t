After the login nobody logs in again.

maildrop: 2 messages
login: alice
C: USER bob
S: -ERR command not allowed in this state
C: PASS bobpw
S: -ERR command not allowed in this state
C: AUTH
S: -ERR command not allowed in this state
C: AUTH PLAIN
S: -ERR command not allowed in this state
C: STAT
S: +OK 2 \{octets}
C: QUIT
S: +OK bye
server: close
