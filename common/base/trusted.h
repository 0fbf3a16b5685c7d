#ifndef BASE_TRUSTED_H
#define BASE_TRUSTED_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Opens a file that decides about others: it must be a regular file, owned by
 * root or by the caller, and have none of the permission bits in forbidden
 * (022: nobody else writes it; 077: nobody else reads it either). Returns the
 * descriptor, or -1 with errno EPERM or open(2)'s.
 */
int trusted_open(const char *path, mode_t forbidden);

/* What to tell the administrator when that, or trusted_read(), failed with this
 * errno value. */
const char *trusted_why(int error, mode_t forbidden);

/* Reads all of it, NUL-terminated, at most 16 MiB. Returns memory the caller
 * frees, or NULL with errno; *len is the octets before the NUL. */
char *trusted_read(const char *path, mode_t forbidden, size_t *len);

#endif
