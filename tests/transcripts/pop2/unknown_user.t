An unknown user is refused like a known one.

maildrop: missing
S: + POP2 \{host} ready
C: HELO nobody-of-that-name alicepw
S: - authentication failed
server: close
