A password with a space must be quoted: unquoted it is an argument too many.

maildrop: missing
S: + POP2 \{host} ready
C: HELO grace a\\\\b c
S: - wrong number of arguments
server: close
