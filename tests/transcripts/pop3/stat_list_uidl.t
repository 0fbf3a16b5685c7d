STAT, LIST and UIDL count what RETR would send, and one message's answer is a single line.

maildrop: 3 messages of 300 octets
login: alice
C: STAT
S: +OK 3 \{octets}
C: LIST
S: +OK 3 messages (\{octets} octets)
S= list
S: .
C: LIST 2
S: +OK 2 \{size 2}
C: UIDL
S: +OK 3 messages
S= uidl
S: .
C: UIDL 3
S: +OK 3 \{uidl 3}
C: RETR 2
S: +OK \{size 2} octets
S= message 2
S: .
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PASS user="alice"
log~ session end: .* messages=3 octets=\d+ retrieved=1 top=0 deleted=0 .*
