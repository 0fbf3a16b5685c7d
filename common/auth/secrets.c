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

/* Goes to the next line with a secret. */
static bool next_entry(struct slice *rest, struct slice *name,
                       struct slice *secret)
{
    while (rest->len > 0)
        if (split(next_line(rest), name, secret))
            return true;
    return false;
}

static bool is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Is the secret salted for that mechanism? Then what follows the braces. */
static bool is_salted_for(struct slice secret, const char *mechanism,
                          struct slice *salted)
{
    size_t len = strlen(mechanism) + 2;

    if (secret.len < len || secret.at[0] != '{' || secret.at[len - 1] != '}' ||
        !is((struct slice){secret.at + 1, len - 2}, mechanism))
        return false;
    *salted = (struct slice){secret.at + len, secret.len - len};
    return true;
}

static bool is_password(struct slice secret)
{
    static const char salted[] = "{SCRAM-";

    return secret.len < sizeof salted - 1 ||
           memcmp(secret.at, salted, sizeof salted - 1) != 0;
}

bool secrets_find(const struct secrets *s, const char *user,
                  struct slice *secret)
{
    struct slice rest = {s->text, s->len}, name;

    while (next_entry(&rest, &name, secret))
        if (is(name, user))
            return true;
    return false;
}

bool secrets_find_password(const struct secrets *s, const char *user,
                           struct slice *password)
{
    struct slice rest = {s->text, s->len}, name;

    while (next_entry(&rest, &name, password))
        if (is(name, user) && is_password(*password))
            return true;
    return false;
}

bool secrets_find_salted(const struct secrets *s, const char *user,
                         const char *mechanism, struct slice *password,
                         struct slice *salted)
{
    struct slice rest = {s->text, s->len}, name, secret;
    bool found = false;

    *password = *salted = (struct slice){NULL, 0};
    while (next_entry(&rest, &name, &secret)) {
        if (found || !is(name, user))
            continue;
        if (is_salted_for(secret, mechanism, salted)) {
            found = true;
        } else if (is_password(secret)) {
            *password = secret;
            found = true;
        }
    }
    return found;
}

bool secrets_first_salted(const struct secrets *s, const char *mechanism,
                          struct slice *salted)
{
    struct slice rest = {s->text, s->len}, name, secret;

    while (next_entry(&rest, &name, &secret))
        if (is_salted_for(secret, mechanism, salted))
            return true;
    return false;
}

bool secrets_first_line(const struct secrets *s, struct slice *line)
{
    struct slice rest = {s->text, s->len}, name, secret;

    if (!next_entry(&rest, &name, &secret))
        return false;
    size_t len = (size_t)(secret.at + secret.len - name.at);
    *line = (struct slice){name.at, len};
    return true;
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
