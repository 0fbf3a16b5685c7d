A NUL ends neither a name nor a password.

maildrop: 1 message
S: + POP2 \{host} ready
C: HELO alice alicepw\x00x
S~ - .*
server: close
