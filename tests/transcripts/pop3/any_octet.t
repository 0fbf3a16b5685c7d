NULs, 8-bit octets and control characters in a message are served as stored and counted right.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: \xff\x00 \xc3\xa9
|
| before\x00after
| \x00
| \xe4\xf6\xfc \x80\x81
| \x1b[31m\x07\x08\x0b\x0c
|
login: alice
C: LIST 1
S: +OK 1 \{size 1}
C: RETR 1
S: +OK \{size 1} octets
S: Subject: \xff\x00 \xc3\xa9
S:
S: before\x00after
S: \x00
S: \xe4\xf6\xfc \x80\x81
S: \x1b[31m\x07\x08\x0b\x0c
S: .
C: TOP 1 1
S: +OK top of message follows
S: Subject: \xff\x00 \xc3\xa9
S:
S: before\x00after
S: .
C: QUIT
S: +OK bye
server: close
