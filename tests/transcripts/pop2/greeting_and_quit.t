QUIT before the login says goodbye and touches no mailbox.

maildrop: 2 messages
S: + POP2 \{host} ready
C: QUIT
S: + bye
server: close
log~ closed before login: peer=local secs=\d+ reason=quit
