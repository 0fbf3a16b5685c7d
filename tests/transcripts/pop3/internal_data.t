The message in which c-client keeps its own data is not served, and stays in its place.

formats: mbox
maildrop:
| From MAILER-DAEMON Mon Jan  5 10:00:00 2026
| Date: 05 Jan 2026 10:00:00 +0000
| From: Mail System Internal Data <MAILER-DAEMON@mail.example.org>
| Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA
| Message-ID: <1767607200@mail.example.org>
| X-IMAP: 1767607200 0000000002
| Status: RO
|
| This text is part of the internal format of your mail folder, and is not
| a real message.
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: first
|
| text
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: second
|
| text
|
S: +OK POP3 \{host} ready
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 2 messages (\{octets 2 3} octets)
C: LIST
S: +OK 2 messages (\{octets 2 3} octets)
S: 1 \{size 2}
S: 2 \{size 3}
S: .
C: RETR 1
S: +OK \{size 2} octets
S= message 2
S: .
C: DELE 1
S: +OK message 1 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 1 3
