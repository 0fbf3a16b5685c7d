Only "From ", an address and a date behind an empty line begin a message; everything else is text, as it stands.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: one
|
| From the start of a paragraph, without a date.
| text
| From sender@example.org Mon Jan  5 10:00:00 2026
|
| From here on, behind an empty line, but no date: Mon Jan
| >From quoted long ago
|
| from sender@example.org Mon Jan  5 10:00:00 2026
|
|  From sender@example.org Mon Jan  5 10:00:00 2026
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: two
|
| text
|
|
| From sender@example.org Tue Jan  6 9:05 2026
| Subject: three
|
| text
|
| From "odd local part"@example.org Wed Feb 11 23:59:59 MET 2026 remote from there
| Subject: four
|
| text
login: alice
C: STAT
S: +OK 4 \{octets}
C: RETR 1
S: +OK \{size 1} octets
S: Subject: one
S:
S: From the start of a paragraph, without a date.
S: text
S: From sender@example.org Mon Jan  5 10:00:00 2026
S:
S: From here on, behind an empty line, but no date: Mon Jan
S: >From quoted long ago
S:
S: from sender@example.org Mon Jan  5 10:00:00 2026
S:
S:  From sender@example.org Mon Jan  5 10:00:00 2026
S: .
C: RETR 2
S: +OK 24 octets
S: Subject: two
S:
S: text
S:
S: .
C: DELE 1
S: +OK message 1 marked for deletion
C: DELE 3
S: +OK message 3 marked for deletion
C: QUIT
S: +OK bye
server: close
maildrop after: messages 2 4
