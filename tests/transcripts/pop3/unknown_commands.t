What is no command of this server is refused in both states, and costs nothing but the line.

# An ordinary user has a secret file, and with it APOP.
ways: written octets once maildir
maildrop: 1 message
S: +OK POP3 \{host} ready
C: HELO alice alicepw
S: -ERR unknown command
C: APOP alice c4c9334bac560ecc979e58001b3e22fb
S: -ERR unknown command
C: XTND XMIT
S: -ERR unknown command
C: RPOP alice
S: -ERR unknown command
C: USERalice
S: -ERR unknown command
C: QUITX
S: -ERR unknown command
C: GET / HTTP/1.0
S: -ERR unknown command
C: USER alice
S: +OK send PASS
C: PASS alicepw
S: +OK maildrop has 1 messages (\{octets} octets)
C: EXPN
S: -ERR unknown command
C: RETR1
S: -ERR unknown command
C: STA
S: -ERR unknown command
C: .
S: -ERR unknown command
C: QUIT
S: +OK bye
server: close
