A deleted message is gone from every list at once and from the mailbox after QUIT; the others keep number and octets.

maildrop: 3 messages
login: alice
C: DELE 2
S: +OK message 2 marked for deletion
C: STAT
S: +OK 2 \{octets 1 3}
C: LIST
S: +OK 2 messages (\{octets 1 3} octets)
S: 1 \{size 1}
S: 3 \{size 3}
S: .
C: UIDL
S: +OK 2 messages
S: 1 \{uidl 1}
S: 3 \{uidl 3}
S: .
C: LIST 2
S: -ERR message is deleted
C: UIDL 2
S: -ERR message is deleted
C: RETR 2
S: -ERR message is deleted
C: TOP 2 0
S: -ERR message is deleted
C: DELE 2
S: -ERR message is deleted
C: RETR 3
S: +OK \{size 3} octets
S= message 3
S: .
C: QUIT
S: +OK bye
server: close
maildrop after: messages 1 3
log: login: peer=local method=PASS user="alice"
log~ session end: .* reason=quit messages=3 octets=\d+ retrieved=1 top=0 deleted=1 .*
