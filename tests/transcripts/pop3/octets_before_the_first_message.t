What stands before the first From_ line belongs to no message, is not served, and stays through an update.

maildrop:
| \xef\xbb\xbfsome editor was here
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: one
|
| text
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: two
|
| text
|
login: alice
C: LIST
S: +OK 2 messages (44 octets)
S: 1 22
S: 2 22
S: .
C: DELE 1
S: +OK message 1 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 2
