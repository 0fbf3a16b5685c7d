Eudora's way: the next command is on its way before the reply to the last has come, and XTND is asked for.

maildrop: 3 messages of 2000 octets
login: alice
C: STAT
C: UIDL
C: LIST
C: XTND XLST Status
C: RETR 1
C: DELE 1
C: RETR 2
C: DELE 2
C: QUIT
S: +OK 3 \{octets}
S: +OK 3 messages
S= uidl
S: .
S: +OK 3 messages (\{octets} octets)
S= list
S: .
S: -ERR unknown command
S: +OK \{size 1} octets
S= message 1
S: .
S: +OK message 1 marked for deletion
S: +OK \{size 2} octets
S= message 2
S: .
S: +OK message 2 marked for deletion
S: +OK bye
server: close
maildrop after: messages 3
