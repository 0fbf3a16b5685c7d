#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

/*
 * SCRAM's messages (RFC 5802, 7677) without channel binding, as functions of
 * octets: the client's first message, the server's, the client's proof.
 */

#include "auth/scram_keys.h"

enum {
    SCRAM_FIRST_MOST = 1024, /* octets of the client's first message */
    SCRAM_NONCE_MOST = 512   /* of its nonce, and of both */
};

struct scram {
    const struct scram_hash *hash;
    struct scram_keys keys;
    char first[SCRAM_FIRST_MOST]; /* the client's first message */
    size_t header_len;            /* octets of its GS2 header */
    size_t first_len;
    struct slice user, acts_as; /* escapes undone; inside names */
    char names[SCRAM_FIRST_MOST];
    char nonce[2 * SCRAM_NONCE_MOST]; /* the client's, then ours */
    size_t nonce_len;
    char second[2 * SCRAM_FIRST_MOST]; /* the server's first message */
    size_t second_len;
};

/* Reads the client's first message. Returns 0, or -1: it is none, or wants
 * channel binding or an extension. */
int scram_take_first(struct scram *s, struct slice message);

/* Writes the server's first message into s->second; keys must be found. ours,
 * printable and without a comma, is our part of the nonce. */
void scram_make_second(struct scram *s, const char *ours);

/* Is the client's last message proof of the keys? Then signature, of at least
 * DIGEST_MOST octets, is what proves ours. Makes the keys. */
bool scram_check_proof(struct scram *s, struct slice message,
                       unsigned char *signature);

#endif
