A client that closes hard after DELE has deleted nothing.

maildrop: 3 messages
login: alice
C: DELE 1
S: +OK message 1 marked for deletion
client: close
maildrop after: unchanged
