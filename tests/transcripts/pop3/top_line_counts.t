The line count of TOP has the same form as a message number, and may be larger than any message.

maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Subject: four lines
| To: alice
|
| one
| two
|
| four
|
login: alice
C: TOP 1 0
S: +OK top of message follows
S: Subject: four lines
S: To: alice
S:
S: .
C: TOP 1 1
S: +OK top of message follows
S: Subject: four lines
S: To: alice
S:
S: one
S: .
C: TOP 1 3
S: +OK top of message follows
S: Subject: four lines
S: To: alice
S:
S: one
S: two
S:
S: .
C: TOP 1 4
S: +OK top of message follows
S= message 1
S: .
C: TOP 1 5
S: +OK top of message follows
S= message 1
S: .
C: TOP 1 99999999
S: +OK top of message follows
S= message 1
S: .
C: TOP 1 4294967296
S: +OK top of message follows
S= message 1
S: .
C: TOP 1 -1
S~ -ERR .*
C: TOP 1 01
S~ -ERR .*
C: TOP 1 x
S~ -ERR .*
C: TOP 2 1
S: -ERR no such message
C: QUIT
S: +OK bye
server: close
log: login: peer=local method=PASS user="alice"
log~ session end: .* retrieved=0 top=7 deleted=0 .*
