Outlook's way: a bare AUTH to see what there is, UIDL and LIST for all messages and never for one, then each message.

as: root
maildrop: 3 messages of 300 octets
S: +OK POP3 \{host} ready
C: AUTH
S: +OK mechanisms follow
S: PLAIN
S: LOGIN
S: .
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 3 messages (\{octets} octets)
C: STAT
S: +OK 3 \{octets}
C: UIDL
S: +OK 3 messages
S= uidl
S: .
C: LIST
S: +OK 3 messages (\{octets} octets)
S= list
S: .
C: RETR 1
S: +OK \{size 1} octets
S= message 1
S: .
C: RETR 2
S: +OK \{size 2} octets
S= message 2
S: .
C: DELE 1
S: +OK message 1 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 2 3
