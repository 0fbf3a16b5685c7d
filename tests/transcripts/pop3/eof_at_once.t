A client that leaves without a word is no error.

maildrop: 1 message
S: +OK POP3 \{host} ready
client: half-close
server: close
log~ closed before login: peer=local secs=\d+ reason=eof
