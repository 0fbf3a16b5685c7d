#ifndef SPOOL_HEADER_H
#define SPOOL_HEADER_H

/* The header of a stored message, line by line. */

#include "base/slice.h"

#include <stdint.h>

/*
 * Calls take for each line of the header of the text that stands at offset and
 * has length octets, without the line's end, until the empty line or until take
 * says no. A line is cut at 8 KiB; what follows is left out. Returns 0, or -1
 * with errno.
 */
int header_read(int fd, uint64_t offset, uint64_t length,
                bool (*take)(void *context, struct slice line), void *context);

/* The value of the line if it is the field of that name (with its colon), any
 * case; white space at its ends dropped. Returns false if it is another. */
bool header_field(struct slice line, const char *name, struct slice *value);

#endif
