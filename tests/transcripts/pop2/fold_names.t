INBOX in any case and the own spool file are the maildrop; every other name, also one with spaces, is #0 and then =0.

maildrop: 2 messages
login: alice
C: FOLD inbox
S: #2
C: FOLD /etc/passwd
S: #0
C: READ
S: =0
C: FOLD ../bob
S: #0
C: FOLD a name with spaces
S: #0
C: READ 1
S: =0
C: FOLD InBox
S: #2
C: READ 2
S: =\{size 2}
C: FOLD \{spool}x
S: #0
C: FOLD \{spool}
S: #2
C: READ
S: =\{size 1}
C: QUIT
S: + bye
server: close
