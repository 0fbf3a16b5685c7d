#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

/* Digests, HMAC (RFC 2104) and PBKDF2 (RFC 8018) over libmd. */

#include "base/slice.h"

enum digest {
    DIGEST_MD5,
    DIGEST_SHA_1,
    DIGEST_SHA_256
};

enum {
    DIGEST_MOST = 32,                     /* octets of the longest one */
    DIGEST_HEX_MOST = 2 * DIGEST_MOST + 1 /* of its text, NUL included */
};

/* Octets of a digest of that kind. */
size_t digest_octets(enum digest kind);

/* The digest of all parts together, into to. */
void digest_of(enum digest kind, const struct slice *parts, size_t count,
               unsigned char *to);

/* The keyed digest of all parts together. */
void digest_hmac(enum digest kind, struct slice key, const struct slice *parts,
                 size_t count, unsigned char *to);

/* The first block of PBKDF2 with that HMAC: SCRAM's Hi(). */
void digest_pbkdf2(enum digest kind, struct slice password, struct slice salt,
                   uint32_t iterations, unsigned char *to);

/* Lower-case hexadecimal digits of octets, NUL-terminated. Returns hex. */
char *digest_hex(const unsigned char *octets, size_t len, char *hex);

/* Are they equal? Takes the same time wherever they differ. */
bool digest_equal(const void *a, const void *b, size_t len);

#endif
