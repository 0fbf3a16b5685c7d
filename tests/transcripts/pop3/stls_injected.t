CVE-2011-0411: commands that were put behind STLS in clear are never carried out.

certificate: chain
ways: written
maildrop: 2 messages
S: +OK POP3 \{host} ready
C- STLS\r\nUSER alice\r\nPASS alicepw\r\nDELE 1\r\nQUIT\r\n
S: +OK begin TLS
client: tls
C: STAT
S: -ERR command not allowed in this state
C: PASS alicepw
S: -ERR send USER first
C: QUIT
S: +OK bye
server: close
maildrop after: unchanged
log: closed before login: peer=local secs=0 reason=quit
