#ifndef SPOOL_FOLDER_H
#define SPOOL_FOLDER_H

/* Folders: mailboxes besides the maildrop, named by a client, below one
 * directory of the user's. */

#include "spool/place.h"

#include <stddef.h>

/*
 * Brings a name into the one form that stands for its folder: parts joined by
 * single slashes, no "." among them, none at the ends. Returns 0, or -1 with
 * errno EINVAL (nothing is left, "..", a control octet) or ENAMETOOLONG.
 */
int folder_clean(const char *name, char *clean, size_t size);

/*
 * Finds the folder of a clean name below root, an O_PATH descriptor of the
 * directory whose path is given. Follows no symbolic link. Returns an O_PATH
 * descriptor of the directory that holds it, which the caller closes, and sets
 * *place: a regular file is an mbox, a directory with cur in it a Maildir.
 * Returns -1 with errno: ENOENT when it is neither.
 */
int folder_find(int root, const char *path, const char *clean,
                struct place *place);

#endif
