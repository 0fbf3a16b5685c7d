An empty line is an unknown command, and closes.

maildrop: 1 message
S: + POP2 \{host} ready
C:
S: - unknown command
server: close
