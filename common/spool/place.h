#ifndef SPOOL_PLACE_H
#define SPOOL_PLACE_H

/* Where a user's maildrop is: the --maildrop template and what becomes of it.
 * A template is the name of a format (see formats.h), a colon and an absolute
 * path in which %u is the canonical user name, %h the home directory, %1 and %2
 * the first one and two octets of the name, %% a percent sign. With auto in
 * place of a format it is an mbox, but if there is %h/Maildir that is the
 * maildrop; auto alone is auto:/var/mail/%u. */

#include <stdbool.h>
#include <stddef.h>

enum {
    PLACE_PATH = 1024
}; /* octets of a path, its NUL included */

struct mailbox_format;

struct place {
    const struct mailbox_format *format;
    char directory[PLACE_PATH];
    char name[256]; /* in the directory; no slash */
};

/* May this name stand for %u? Refused: empty, a slash or control octet, a
 * leading "." or "-", over 255 octets. */
bool place_name_ok(const char *user);

/* Is the template well-formed? Returns 0, or -1 with errno EINVAL. */
int place_check(const char *template);

/* Does the directory depend on the user (%h, %u)? Then it may be his own, and
 * he may have put anything there. */
bool place_is_users(const char *template);

/* Fills in the template. Returns 0, or -1 with errno: EINVAL (a bad name or
 * template), ENAMETOOLONG. */
int place_expand(const char *template, const char *user, const char *home,
                 struct place *place);

/* The mailbox that is the maildrop instead, if it is there; place->format is
 * NULL where the template knows none. The template has been checked. */
int place_instead(const char *template, const char *user, const char *home,
                  struct place *place);

/* The same for the path of a directory alone: is it well-formed, and what
 * becomes of it in path, of PLACE_PATH octets. */
int place_check_directory(const char *template);
int place_directory(const char *template, const char *user, const char *home,
                    char *path);

#endif
