Verbs in any case, runs of spaces between words, spaces at the end, and lines that end in a bare LF.

maildrop: 2 messages
S: + POP2 \{host} ready
C: helo   alice   alicepw \s
S: #2
C- Read\n
S: =\{size 1}
C- retr\r\n
S= octets 1
C: aCKs\s
S: =\{size 2}
C: read   1 \s
S: =\{size 1}
C: quit
S: + bye
server: close
