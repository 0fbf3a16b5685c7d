#ifndef AUTH_MECHANISMS_H
#define AUTH_MECHANISMS_H

/* The mechanisms of the auth program, one file each: what the client is asked
 * and what that proves. All run in its cage. */

#include "auth/room.h"
#include "base/digest.h"

enum {
    MD5_HEX = 33 /* octets of a digest as digits, NUL included */
};

void password_converse(struct auth_room *r, struct proof *proof);
void plain_converse(struct auth_room *r, struct proof *proof);
void login_converse(struct auth_room *r, struct proof *proof);
void apop_converse(struct auth_room *r, struct proof *proof);
void cram_md5_converse(struct auth_room *r, struct proof *proof);
void scram_sha_1_converse(struct auth_room *r, struct proof *proof);
void scram_sha_256_converse(struct auth_room *r, struct proof *proof);

/* What APOP and CRAM-MD5 compare, as lower-case hexadecimal digits: MD5 of
 * challenge and secret, one behind the other; HMAC-MD5 of the challenge, keyed
 * by the secret. */
void apop_digest(struct slice challenge, struct slice secret,
                 char hex[MD5_HEX]);
void cram_md5_digest(struct slice challenge, struct slice secret,
                     char hex[MD5_HEX]);
bool md5_hex_is(const char hex[MD5_HEX], struct slice digits);

/* The password of the user that the proof names; a user who has only salted
 * lines gets a remark. Returns whether there is one. */
bool password_of(const struct auth_room *r, struct proof *proof,
                 struct slice *password);

/* CRAM-MD5's response: a name, which may hold spaces, a space and the digits.
 * Returns 0, or -1: there is no space. */
int cram_md5_split(struct slice response, struct slice *user,
                   struct slice *digits);

/* PLAIN's message (RFC 4616), for the fuzz target: takes name and password, or
 * leaves the proof as it is. */
void plain_take(const struct frame_order *order, struct slice message,
                struct proof *proof);

#endif
