#ifndef BASE_BASE64_H
#define BASE_BASE64_H

/* Base64 (RFC 4648), strict as SASL wants it: no white space, no foreign
 * octet, padding at the end and nowhere else, unused bits zero. */

#include "base/slice.h"

/* Octets that len octets take as text, without a NUL. */
#define BASE64_TEXT(len) (((len) + 2) / 3 * 4)

/*
 * Decodes text into to, of size octets. Returns 0 and sets *len, or -1 with
 * errno EINVAL (not base64) or ENOSPC, *len untouched.
 */
int base64_decode(struct slice text, char *to, size_t size, size_t *len);

/* Encodes octets into to, of BASE64_TEXT(octets.len); returns that number. */
size_t base64_encode(struct slice octets, char *to);

#endif
