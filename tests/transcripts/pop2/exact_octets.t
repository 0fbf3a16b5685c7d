RETR sends as many octets as announced: CRLF for LF, a CRLF for a missing last one, everything else as stored.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: \xe9\x00
|
| lone\rcr
| crlf\r
| ..
|
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: unfinished
|
| \-no newline
login: alice
C: READ
S: =\{size 1}
C: RETR
S: Subject: \xe9\x00
S:
S: lone\rcr
S: crlf
S: ..
S:
C: ACKS
S: =35
C: RETR
S: Subject: unfinished
S:
S: no newline
C: ACKS
S: =0
C: QUIT
S: + bye
server: close
