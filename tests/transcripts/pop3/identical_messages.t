Identical copies get -2, -3 behind their unique id, in the order of the mailbox.

formats: mbox
maildrop:
| From sender@example.org Mon Jan  5 10:00:00 2026
| Message-ID: <twin@example.org>
|
| text
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Message-ID: <single@example.org>
|
| text
|
| From other@example.org Mon Jan  5 11:00:00 2026
| Message-ID: <twin@example.org>
|
| other text
|
| From sender@example.org Mon Jan  5 10:00:00 2026
| Message-ID: <twin@example.org>
|
| text
|
login: alice
C: UIDL
S: +OK 4 messages
S: 1 \{uidl 1}
S: 2 \{uidl 2}
S: 3 \{uidl 1}-2
S: 4 \{uidl 1}-3
S: .
C: UIDL 4
S: +OK 4 \{uidl 1}-3
C: DELE 1
S: +OK message 1 marked for deletion
C: UIDL
S: +OK 3 messages
S: 2 \{uidl 2}
S: 3 \{uidl 1}-2
S: 4 \{uidl 1}-3
S: .
C: RSET
S: +OK maildrop has 4 messages (\{octets} octets)
C: QUIT
S: +OK bye
server: close
