A mailbox whose lines end in CRLF is sent with CRLF, not with CR CR LF; its separator may be CRLF, too.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026\r
| Subject: first\r
| Date: today\r
| \r
| .\r
| text\r
| \r
| From sender@example.org Mon Jan  5 10:00:00 2026\r
| Subject: second\r
| \r
| mixed
| lines\r
| \r
login: alice
C: LIST
S: +OK 2 messages (73 octets)
S: 1 40
S: 2 33
S: .
C: RETR 1
S: +OK 40 octets
S: Subject: first
S: Date: today
S:
S: ..
S: text
S: .
C: RETR 2
S: +OK 33 octets
S: Subject: second
S:
S: mixed
S: lines
S: .
C: UIDL 1
S: +OK 1 \{uidl 1}
C: DELE 1
S: +OK message 1 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 2
