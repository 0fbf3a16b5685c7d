A name in the log is escaped and cut: no client writes log lines of its own.

maildrop: missing
S: +OK POP3 \{host} ready
C: USER a"b\\c\x7f\xe9user=
S: +OK send PASS
C: PASS x
S: -ERR [AUTH] authentication failed
C: USER \{n*100}
S: +OK send PASS
C: PASS x
S: -ERR [AUTH] authentication failed
C: QUIT
S: +OK bye
server: close
log: login failed: peer=local method=PASS attempt=1 reason=refused user="a\x22b\x5cc\x7f\xe9user="
log~ login failed: peer=local method=PASS attempt=2 reason=refused user="n{64}"
log~ closed before login: .* reason=quit
