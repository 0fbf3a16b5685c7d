POP3's commands are not POP2's.

maildrop: 1 message
S: + POP2 \{host} ready
C: USER alice
S: - unknown command
server: close
log~ closed before login: peer=local secs=\d+ reason=(refused|error)
