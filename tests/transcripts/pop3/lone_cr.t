A CR that ends no line is sent as it is; a line that ends in CR CR LF keeps its first CR.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: carriage returns
|
| over\rtyped
| two\r\r
| \r\r
| .\rdot
| \-end\r
login: alice
C: STAT
S: +OK 1 \{octets}
C: RETR 1
S: +OK \{octets} octets
S: Subject: carriage returns
S:
S: over\rtyped
S: two\r
S: \r
S: ..\rdot
S: end\r
S: .
C: QUIT
S: +OK bye
server: close
