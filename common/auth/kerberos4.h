#ifndef AUTH_KERBEROS4_H
#define AUTH_KERBEROS4_H

/*
 * AUTH KERBEROS_V4 (RFC 1731, section 2) as a decision: octets in, a result
 * out; clock, challenge and keys are told. The exchange is
 *
 *   server: challenge, 4 octets
 *   client: AP-REQ = ticket + authenticator
 *   server: challenge + 1 and the layers offered, 8 octets, encrypted
 *   client: challenge, the layer chosen, the user name, encrypted
 */

#include "auth/kerberos4_keys.h"

enum kerberos4_result {
    KERBEROS4_ACCEPTED,
    KERBEROS4_MALFORMED, /* lengths, strings or a version that cannot be */
    KERBEROS4_KEY,       /* no key of that kvno and realm opens the ticket */
    KERBEROS4_SERVICE,   /* the ticket is for another service or host */
    KERBEROS4_NAMES,     /* the authenticator is not this user's */
    KERBEROS4_REALM,     /* the user is of another realm */
    KERBEROS4_INSTANCE,  /* the user has an instance */
    KERBEROS4_CHALLENGE, /* not an answer to this challenge */
    KERBEROS4_CLOCK,     /* the client's clock differs too much */
    KERBEROS4_EXPIRED,   /* the ticket is not valid now */
    KERBEROS4_LAYER,     /* a protection that was not offered */
    KERBEROS4_USER,      /* not the user that the ticket is for */
    KERBEROS4_RESULTS
};

enum {
    KERBEROS4_SKEW = 300 /* seconds that clocks may differ */
};

/* What is known of one client; begins as {.challenge = ...}. */
struct kerberos4_client {
    uint32_t challenge;
    char user[KERBEROS4_NAME]; /* as soon as the ticket has been opened */
    char realm[KERBEROS4_NAME];
    uint8_t address[4]; /* where the ticket was issued to; 0: anywhere */
    uint8_t session[DES_OCTETS];
};

/* The client's first message; now in seconds since 1970. */
enum kerberos4_result kerberos4_hear_request(struct kerberos4_client *client,
                                             const struct kerberos4_keys *keys,
                                             const uint8_t *octets, size_t len,
                                             int64_t now);

/* The answer to it. */
void kerberos4_answer(const struct kerberos4_client *client,
                      uint8_t answer[DES_OCTETS]);

/* The client's second message. domains may stand behind the user's name as
 * "@NAME"; a NUL behind each. */
enum kerberos4_result kerberos4_hear_choice(struct kerberos4_client *client,
                                            const uint8_t *octets, size_t len,
                                            const char *domains);

/* Is the ticket for another address than the peer's, a numeric one? A peer
 * without address does not differ. */
bool kerberos4_is_elsewhere(const struct kerberos4_client *client,
                            const char *peer);

/* Seconds for which a ticket with that octet of lifetime is valid. */
int64_t kerberos4_lifetime(uint8_t life);

/* A word for the log. */
const char *kerberos4_result_text(enum kerberos4_result result);

#endif
