UTF8 is accepted before the login and changes nothing: 8-bit octets pass untouched with it and without it.

maildrop:
| From a@example.org Mon Jan  5 10:00:00 2026
| From: J\xc3\xb6rg <j\xc3\xb6rg@example.org>
| Subject: \xe2\x82\xac, and \xe4 in Latin-1
|
| \xff\xfe\x80
|
S: +OK POP3 \{host} ready
C: UTF8 now
S: -ERR wrong number of arguments
C: utf8
S: +OK UTF-8 is welcome
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: UTF8
S: -ERR command not allowed in this state
C: LIST 1
S: +OK 1 \{size 1}
C: RETR 1
S: +OK \{size 1} octets
S= message 1
S: .
C: QUIT
S: +OK bye
server: close
