Messages without a body: with the empty line that ends the header, and with nothing behind the From_ line. The
empty line that ends a header is never taken for the separator.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: header and empty line
|
|
| From sender@example.org Mon Jan  5 10:00:00 2026
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: after nothing
|
|
login: alice
C: LIST
S: +OK 3 messages (62 octets)
S: 1 34
S: 2 2
S: 3 26
S: .
C: RETR 1
S: +OK 34 octets
S: Subject: header and empty line
S:
S: .
C: TOP 1 5
S: +OK top of message follows
S: Subject: header and empty line
S:
S: .
C: RETR 2
S: +OK 2 octets
S:
S: .
C: TOP 2 5
S: +OK top of message follows
S:
S: .
C: RETR 3
S: +OK 26 octets
S= message 3
S: .
C: QUIT
S: +OK bye
server: close
