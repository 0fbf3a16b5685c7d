Before the login every command of the transaction state is refused, and nothing is lost by trying.

maildrop: 2 messages
S: +OK POP3 \{host} ready
C: STAT
S: -ERR command not allowed in this state
C: LIST
S: -ERR command not allowed in this state
C: LIST 1
S: -ERR command not allowed in this state
C: RETR 1
S: -ERR command not allowed in this state
C: DELE 1
S: -ERR command not allowed in this state
C: NOOP
S: -ERR command not allowed in this state
C: RSET
S: -ERR command not allowed in this state
C: LAST
S: -ERR command not allowed in this state
C: UIDL
S: -ERR command not allowed in this state
C: TOP 1 0
S: -ERR command not allowed in this state
C: USER alice
S: +OK send PASS
C: STAT
S: -ERR command not allowed in this state
C: QUIT
S: +OK bye
server: close
