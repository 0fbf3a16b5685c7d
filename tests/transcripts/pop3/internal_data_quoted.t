A first message that only quotes c-client's internal data in its body is a message.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: What is this?
|
| I found this in my mailbox:
| Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA
| X-IMAP: 1767607200 0000000002
|
login: alice
C: LIST
S: +OK 1 messages (\{octets} octets)
S= list
S: .
C: QUIT
S: +OK bye
server: close
