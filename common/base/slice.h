#ifndef BASE_SLICE_H
#define BASE_SLICE_H

/*
 * A slice is a view of octets that somebody else owns: an argument inside the
 * command line just read, a field inside a line of a file. It is never
 * NUL-terminated and lives as long as the buffer it points into.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *at;
    size_t len; /* octets */
};

/* A slice of all of the NUL-terminated text. */
struct slice slice_of(const char *text);

/* Do the octets equal word, ASCII letters of either case being the same? */
bool slice_is(struct slice s, const char *word);

/* Does any octet of s lie outside 0x20..0x7e and 0x80..0xff? */
bool slice_has_control(struct slice s);

/*
 * Cuts the next word off the front of *rest: leading spaces are dropped, the
 * word runs to the next space. Returns an empty slice when none is left.
 */
struct slice slice_word(struct slice *rest);

/* Drops the white space (space, tab, CR, LF) at both ends. */
struct slice slice_trim(struct slice s);

/*
 * Reads a decimal number: digits only, no sign, no leading zero except "0"
 * itself. Returns 0 and sets *value, or -1 with errno EINVAL (no number) or
 * ERANGE (does not fit 63 bits), *value untouched.
 */
int slice_number(struct slice s, uint64_t *value);

/*
 * Copies s into the array to of size octets and ends it with a NUL. Returns 0,
 * or -1 with errno ENAMETOOLONG (does not fit) or EINVAL (s holds a NUL).
 */
int slice_copy(struct slice s, char *to, size_t size);

#endif
