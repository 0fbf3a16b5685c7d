An emptied mailbox is an empty file, not a missing one.

maildrop: 3 messages
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
C: DELE 2
S: +OK message 2 marked for deletion
C: DELE 3
S: +OK message 3 marked for deletion
C: STAT
S: +OK 0 0
C: LIST
S: +OK 0 messages (0 octets)
S: .
C: UIDL
S: +OK 0 messages
S: .
C: QUIT
S: +OK bye
server: close
maildrop after: empty
