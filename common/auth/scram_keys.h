#ifndef AUTH_SCRAM_KEYS_H
#define AUTH_SCRAM_KEYS_H

/*
 * What a server needs to know of a password for SCRAM (RFC 5802, section 3). In
 * the secret file it stands as
 *
 *     {SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY
 *
 * with the last three in base64, and is no password: whoever reads it must
 * still guess one. From a line that is a password it is made here.
 */

#include "auth/secrets.h"
#include "base/digest.h"

enum {
    SCRAM_SALT_MOST = 64,
    SCRAM_ITERATIONS = 4096, /* where no line of the file says */
    SCRAM_ITERATIONS_MOST = 10000000
};

struct scram_hash {
    const char *mechanism; /* "SCRAM-SHA-256" */
    enum digest digest;
};

struct scram_keys {
    uint32_t iterations;
    size_t salt_len;
    unsigned char salt[SCRAM_SALT_MOST];
    struct slice password; /* the keys are still to be made from it */
    bool known;            /* false: nobody's; whatever comes is wrong */
    bool malformed;        /* ... because his line cannot be read */
    unsigned char stored[DIGEST_MOST], server[DIGEST_MOST];
};

extern const struct scram_hash scram_sha_1, scram_sha_256;

/* Reads what follows the braces. Returns 0, or -1: it is malformed. */
int scram_keys_read(const struct scram_hash *hash, struct slice salted,
                    struct scram_keys *keys);

/*
 * Looks a user up, or invents him: somebody who is not in the file, or cannot
 * be served from it, has a salt all the same, the same one each time, as long
 * and with as many iterations as others. It depends on the first line of the
 * file, which nobody outside knows.
 */
void scram_keys_find(const struct scram_hash *hash,
                     const struct secrets *secrets, const char *user,
                     struct scram_keys *keys);

/* Makes the keys, if they come from a password. Takes as long as the number of
 * iterations says: a millisecond or more. */
void scram_keys_make(const struct scram_hash *hash, struct scram_keys *keys);

/* Was what follows the braces made from that password? */
bool scram_keys_match(const struct scram_hash *hash, struct slice salted,
                      const char *password);

#endif
