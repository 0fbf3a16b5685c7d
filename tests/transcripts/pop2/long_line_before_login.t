The same limit holds before the login, for a line of any length.

maildrop: 1 message
S: + POP2 \{host} ready
C: HELO alice \{x*20000}
S: - line too long
server: close
