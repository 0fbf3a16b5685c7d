#ifndef AUTH_SECRETS_H
#define AUTH_SECRETS_H

/*
 * The secret file, in the format of UW's cram-md5.pwd: one user a line, name
 * and secret separated by tabs or spaces; empty lines and lines that begin
 * with "#" are skipped. The secret is the rest of the line: a password, or
 * what SCRAM needs of one (auth/scram_keys.h), which begins with its
 * mechanism's name in braces. A user may have several lines; the first that
 * serves counts.
 */

#include "base/slice.h"

struct secrets {
    char *text; /* NULL: there is no file */
    size_t len;
};

/* Loads it; the file must be root's or the caller's and nobody else's to
 * read. Returns 0, or -1 with errno. */
int secrets_load(struct secrets *s, const char *path);

/* Has the user a secret, of any kind? The first line that names him counts. */
bool secrets_find(const struct secrets *s, const char *user,
                  struct slice *secret);

/* Has he one that is a password? */
bool secrets_find_password(const struct secrets *s, const char *user,
                           struct slice *password);

/* Has he one that is a password or salted for that mechanism ("SCRAM-SHA-1")?
 * salted, behind the braces, is set in the second case, else password. Looks
 * at every line, so that it takes as long for whoever has none. */
bool secrets_find_salted(const struct secrets *s, const char *user,
                         const char *mechanism, struct slice *password,
                         struct slice *salted);

/* The first secret of anybody that is salted for that mechanism, and the first
 * line of anybody. */
bool secrets_first_salted(const struct secrets *s, const char *mechanism,
                          struct slice *salted);
bool secrets_first_line(const struct secrets *s, struct slice *line);

/* Is the password that secret? Takes the same time wherever they differ. */
bool secrets_equal(struct slice secret, const char *password);

/* Wipes and frees. */
void secrets_forget(struct secrets *s);

#endif
