/* Log lines as fields of the journal, hostile names included. */

#include "rooms/fields.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *line;
    const char *expected; /* the fields, each followed by a line feed */
} cases[] = {
    {"login: peer=192.0.2.1 method=PASS user=\"alice\"",
     "POP_EVENT=login\nPOP_PEER=192.0.2.1\nPOP_METHOD=PASS\nPOP_USER=alice\n"},
    {"login failed: peer=::1 attempt=2 reason=refused "
     "user=\"a\\x22\\x20peer=192.0.2.7\\x20b=\"",
     "POP_EVENT=login-failed\nPOP_PEER=::1\nPOP_ATTEMPT=2\n"
     "POP_REASON=refused\nPOP_USER=a\\x22\\x20peer=192.0.2.7\\x20b=\n"},
    {"warning: user=\"bob\" the state directory cannot be used: No such file",
     "POP_EVENT=warning\nPOP_USER=bob\n"},
    {"closed before login: peer=local secs=0 reason=eof",
     "POP_EVENT=closed-before-login\nPOP_PEER=local\nPOP_SECS=0\n"
     "POP_REASON=eof\n"},
    {"/etc/restante.conf: line 3: there is no option frobnicate", ""},
    {"login: user=\"", "POP_EVENT=login\nPOP_USER=\n"},
    {"x=", "POP_X=\n"},
    {"=x ==  = A=b", ""},
    {"", ""},
};

static int check(const char *line, const char *expected)
{
    char room[FIELDS_OCTETS], got[2 * FIELDS_OCTETS];
    struct iovec fields[FIELDS_MAX];
    size_t count = fields_of(line, fields, room), len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(got + len, "%.*s\n", (int)fields[i].iov_len,
                               (const char *)fields[i].iov_base);
    got[len] = '\0';
    if (strcmp(got, expected) == 0)
        return 0;
    printf("%s\n  expected: %s\n  got: %s\n", line, expected, got);
    return 1;
}

/* More fields than there is room for: the first ones, and nothing breaks. */
static int check_many(void)
{
    char line[4096] = "login: ", room[FIELDS_OCTETS];
    struct iovec fields[FIELDS_MAX];

    for (int i = 0; i < 40; i++)
        strcat(line, "name=0123456789012345678901234567890123456789 ");
    size_t count = fields_of(line, fields, room);
    return count == FIELDS_MAX ? 0 : printf("%zu fields\n", count) > 0;
}

static int check_long(void)
{
    char line[4096] = "login: peer=a user=\"", room[FIELDS_OCTETS];
    struct iovec fields[FIELDS_MAX];

    memset(line + strlen(line), 'x', 3000);
    return fields_of(line, fields, room) == 2 ? 0 : printf("long\n") > 0;
}

int main(void)
{
    int failures = check_many() + check_long();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        failures += check(cases[i].line, cases[i].expected);
    return failures != 0;
}
