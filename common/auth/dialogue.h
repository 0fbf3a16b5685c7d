#ifndef AUTH_DIALOGUE_H
#define AUTH_DIALOGUE_H

/*
 * A SASL exchange as a mechanism sees it: octets come and go. Below are the
 * lines that front carries: pieces of them in frames, base64, "=" for an empty
 * initial response, "*" for the end (RFC 5034).
 */

#include "base/slice.h"

enum {
    DIALOGUE_OCTETS = 64 * 1024 /* of one response, decoded */
};

struct dialogue {
    int front;        /* socket */
    int64_t asked_at; /* clock_ms() when the last line had come */
    char *text;       /* base64, then the octets decoded from it; ours */
};

enum said {
    SAID_OCTETS,
    SAID_NOTHING, /* AUTH came without an initial response */
    SAID_CANCEL,  /* "*" */
    SAID_GARBAGE, /* no base64, or too long */
    SAID_GONE     /* front gave the exchange up */
};

/* Returns 0, or -1 without memory. */
int dialogue_start(struct dialogue *d, int front);

/* What AUTH came with. *octets lives until the next call; an empty initial
 * response is SAID_OCTETS, too. */
enum said dialogue_begin(struct dialogue *d, struct slice *octets);

/* Sends a challenge and waits for the response. */
enum said dialogue_ask(struct dialogue *d, struct slice challenge,
                       struct slice *response);

/* For mechanisms in which the client speaks first: begins, and sends an empty
 * challenge if nothing came with AUTH. */
enum said dialogue_client_first(struct dialogue *d, struct slice *response);

/* For those in which the server does: whatever came with AUTH is garbage. */
enum said dialogue_server_first(struct dialogue *d, struct slice challenge,
                                struct slice *response);

/* Wipes what was said. */
void dialogue_end(struct dialogue *d);

#endif
