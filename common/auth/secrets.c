/* The secret file. Loaded in auth as whoever started the program; searched in
 * its cage, with names that come from the client. */

#include "auth/secrets.h"
#include "base/trusted.h"

#include <stdlib.h>
#include <string.h>

int secrets_load(struct secrets *s, const char *path)
{
    s->text = trusted_read(path, 077, &s->len);
    return s->text == NULL ? -1 : 0;
}

/* Cuts the next line off *rest. */
static struct slice next_line(struct slice *rest)
{
    const char *lf = memchr(rest->at, '\n', rest->len);
    struct slice line = {rest->at,
                         lf != NULL ? (size_t)(lf - rest->at) : rest->len};
    size_t taken = line.len + (lf != NULL);

    rest->at += taken;
    rest->len -= taken;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Splits "name<white space>secret". Returns false for anything else. */
static bool split(struct slice line, struct slice *name, struct slice *secret)
{
    size_t at = 0;

    if (line.len == 0 || line.at[0] == '#')
        return false;
    while (at < line.len && line.at[at] != ' ' && line.at[at] != '\t')
        at++;
    *name = (struct slice){line.at, at};
    while (at < line.len && (line.at[at] == ' ' || line.at[at] == '\t'))
        at++;
    *secret = (struct slice){line.at + at, line.len - at};
    return name->len > 0 && secret->len > 0;
}

bool secrets_find(const struct secrets *s, const char *user,
                  struct slice *secret)
{
    struct slice rest = {s->text, s->len}, name;

    while (rest.len > 0)
        if (split(next_line(&rest), &name, secret) &&
            name.len == strlen(user) && memcmp(name.at, user, name.len) == 0)
            return true;
    return false;
}

bool secrets_equal(struct slice secret, const char *password)
{
    size_t len = strlen(password);
    unsigned char differ = len != secret.len;

    for (size_t i = 0; i < secret.len; i++)
        differ |=
            (unsigned char)(secret.at[i] ^ (i < len ? password[i] : '\0'));
    return differ == 0;
}

void secrets_forget(struct secrets *s)
{
    if (s->text != NULL)
        explicit_bzero(s->text, s->len);
    free(s->text);
    *s = (struct secrets){0};
}
