Lines that begin with a dot get another one on the wire; sizes do not count it; the mailbox keeps its own.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: dots
|
| .
| ..
| ...
| .leading
| not .leading
|
| .
|
login: alice
C: STAT
S: +OK 1 58
C: RETR 1
S: +OK 58 octets
S: Subject: dots
S:
S: ..
S: ...
S: ....
S: ..leading
S: not .leading
S:
S: ..
S: .
C: TOP 1 2
S: +OK top of message follows
S: Subject: dots
S:
S: ..
S: ...
S: .
C: QUIT
S: +OK bye
server: close
