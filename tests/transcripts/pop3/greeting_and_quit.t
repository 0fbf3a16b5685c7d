QUIT before the login says goodbye and touches no mailbox.

maildrop: 2 messages
S: +OK POP3 \{host} ready
C: QUIT
S: +OK bye
server: close
log~ closed before login: peer=local secs=\d+ reason=quit
