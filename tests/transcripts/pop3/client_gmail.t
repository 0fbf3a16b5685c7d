A fetcher such as Gmail's: hundreds of messages in one session, listed in ascending order without a gap, a limit or an
empty line; it takes the first and the last and keeps them all.

maildrop: 500 messages
login: alice
C: UIDL
S: +OK 500 messages
S= uidl
S: .
C: LIST
S: +OK 500 messages (\{octets} octets)
S= list
S: .
C: RETR 1
S: +OK \{size 1} octets
S= message 1
S: .
C: RETR 500
S: +OK \{size 500} octets
S= message 500
S: .
C: QUIT
S: +OK bye
server: close
