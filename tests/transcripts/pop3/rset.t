RSET takes back every mark, and QUIT then changes nothing.

maildrop: 3 messages
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
C: DELE 3
S: +OK message 3 marked for deletion
C: RSET
S: +OK maildrop has 3 messages (\{octets} octets)
C: STAT
S: +OK 3 \{octets}
C: DELE 2
S: +OK message 2 marked for deletion
C: RSET
S: +OK maildrop has 3 messages (\{octets} octets)
C: LIST 1
S: +OK 1 \{size 1}
C: QUIT
S: +OK bye
server: close
maildrop after: unchanged
