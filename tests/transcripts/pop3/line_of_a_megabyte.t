A line of a million octets is a line like any other.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: wide
|
| \{0123456789*100000}
| .\{.*262144}
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: after it
|
| short
|
login: alice
C: LIST
S: +OK 2 messages (\{octets} octets)
S= list
S: .
C: RETR 1
S: +OK \{size 1} octets
S= message 1
S: .
C: TOP 1 1
S: +OK top of message follows
S= top 1 1
S: .
C: RETR 2
S: +OK \{size 2} octets
S= message 2
S: .
C: QUIT
S: +OK bye
server: close
