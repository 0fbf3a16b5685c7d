Where clear text is not allowed nobody logs in by POP2.

options: --plaintext=never
maildrop: 1 message
S: + POP2 \{host} ready
C: HELO alice alicepw
S: - clear-text logins are not allowed from here (see --plaintext)
server: close
log: login failed: peer=local method=HELO attempt=1 reason=plaintext user="alice"
log~ closed before login: .* reason=(refused|error)
