A line of 513 octets is refused, and closes.

maildrop: 1 message
login: alice
C: READ\{ *506}1
S: - line too long
server: close
