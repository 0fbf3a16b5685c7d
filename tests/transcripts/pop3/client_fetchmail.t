fetchmail's way: LAST to see what is old, UIDL for one message, and TOP with more lines than there are instead of RETR,
so that the message does not count as read. Nothing is written to the mailbox for it.

maildrop: 2 messages of 500 octets
S: +OK POP3 \{host} ready
C: CAPA
S: +OK capability list follows
S: USER
S: TOP
S: UIDL
S: UTF8
S~ SASL PLAIN LOGIN.*
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: .
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 2 messages (\{octets} octets)
C: STAT
S: +OK 2 \{octets}
C: LAST
S: +OK 0
C: UIDL 2
S: +OK 2 \{uidl 2}
C: LIST
S: +OK 2 messages (\{octets} octets)
S= list
S: .
C: LIST 1
S: +OK 1 \{size 1}
C: TOP 1 99999999
S: +OK top of message follows
S= message 1
S: .
C: TOP 2 99999999
S: +OK top of message follows
S= message 2
S: .
C: LAST
S: +OK 0
C: QUIT
S: +OK bye
server: close
