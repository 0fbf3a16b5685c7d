RFC 937's first example: read, retrieve and delete message by message; after the last there is =0.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: first
|
| .a line with a dot
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: second
|
| .
|
S: + POP2 \{host} ready
C: HELO alice alicepw
S: #2
C: READ
S: =38
C: RETR
# No status line, no dot-stuffing, no terminator.
S: Subject: first
S:
S: .a line with a dot
C: ACKD
S: =22
C: RETR
S: Subject: second
S:
S: .
C: ACKD
S: =0
C: QUIT
S: + bye
server: close
maildrop after: empty
log: login: peer=local method=HELO user="alice"
log~ session end: user="alice" peer=local secs=\d+ reason=quit messages=2 octets=60 retrieved=2 top=0 deleted=2 .*
