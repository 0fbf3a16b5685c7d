#ifndef AUTH_SECRETS_H
#define AUTH_SECRETS_H

/*
 * The secret file, in the format of UW's cram-md5.pwd: one user a line, name
 * and secret separated by tabs or spaces; empty lines and lines that begin
 * with "#" are skipped. The secret is the rest of the line.
 */

#include "base/slice.h"

struct secrets {
    char *text; /* NULL: there is no file */
    size_t len;
};

/* Loads it; the file must be root's or the caller's and nobody else's to
 * read. Returns 0, or -1 with errno. */
int secrets_load(struct secrets *s, const char *path);

/* Has the user a secret? The first line that names him counts. */
bool secrets_find(const struct secrets *s, const char *user,
                  struct slice *secret);

/* Is the password that secret? Takes the same time wherever they differ. */
bool secrets_equal(struct slice secret, const char *password);

/* Wipes and frees. */
void secrets_forget(struct secrets *s);

#endif
