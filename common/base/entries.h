#ifndef BASE_ENTRIES_H
#define BASE_ENTRIES_H

/* What a directory holds, read in large pieces: readdir(3) of musl takes 2 KiB
 * at once, and a Maildir can hold a hundred thousand names. */

#include <dirent.h>
#include <stddef.h>

struct entries {
    int fd;      /* its own, read from the beginning */
    char *block; /* what was read of it */
    size_t at, len;
};

/* Opens the directory that fd is of once more. Returns 0, or -1 with errno. The
 * caller closes it. */
int entries_open(struct entries *e, int fd);
void entries_close(struct entries *e);

/* Returns the next entry, which stands until the next call, or NULL: errno is 0
 * at the end. */
const struct dirent64 *entries_next(struct entries *e);

#endif
