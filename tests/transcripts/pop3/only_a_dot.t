A message that is a single dot, without a header, and one that begins with dots.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| .
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| ..dotted: header
|
| \-.
login: alice
C: RETR 1
S: +OK 5 octets
S: ..
S:
S: .
C: RETR 2
S: +OK 23 octets
S: ...dotted: header
S:
S: ..
S: .
C: QUIT
S: +OK bye
server: close
