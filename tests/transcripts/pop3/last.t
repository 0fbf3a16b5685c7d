LAST is the highest message retrieved; TOP, LIST and DELE do not count, RSET forgets.

maildrop: 3 messages
login: alice
C: LAST
S: +OK 0
C: TOP 3 0
S: +OK top of message follows
S= top 3 0
S: .
C: LIST 3
S: +OK 3 \{size 3}
C: DELE 3
S: +OK message 3 marked for deletion
C: LAST
S: +OK 0
C: RETR 2
S: +OK \{size 2} octets
S= message 2
S: .
C: LAST
S: +OK 2
C: RETR 1
S: +OK \{size 1} octets
S= message 1
S: .
C: LAST
S: +OK 2
C: RSET
S: +OK maildrop has 3 messages (\{octets} octets)
C: LAST
S: +OK 0
C: QUIT
S: +OK bye
server: close
