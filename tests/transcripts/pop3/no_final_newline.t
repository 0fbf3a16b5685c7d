The last line of a mailbox may lack its LF: it is sent with a CRLF, which counts.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: unfinished
|
| \-cut off her
login: alice
C: LIST 1
S: +OK 1 36
C: RETR 1
S: +OK 36 octets
S: Subject: unfinished
S:
S: cut off her
S: .
C: QUIT
S: +OK bye
server: close
