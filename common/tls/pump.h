#ifndef TLS_PUMP_H
#define TLS_PUMP_H

#include "rooms/contract.h"

#include <openssl/ssl.h>

/*
 * TLS with the client on one side, the octets inside it to and from front on
 * the other. Its memory has a fixed size; it reads from one side only what it
 * could still give to the other.
 */

/* Makes one. in and out are the client (may be one descriptor), front a stream
 * socket; all three stay the caller's. NULL: no memory. */
struct pump *pump_make(SSL_CTX *terms, int in, int out, int front);

/* Shakes hands until the deadline and fills in *report. What is to follow is
 * pump_run() when its result is TLS_DONE, else pump_part(). */
void pump_shake(struct pump *p, int64_t deadline,
                struct frame_tls_report *report);

/*
 * Carries octets until front has said everything and the client has got it, or
 * the client is gone, or has taken nothing of what waits for patience
 * milliseconds. What the client's end looks like (close_notify or not) makes
 * no difference: it is an end of input for front.
 */
void pump_run(struct pump *p, int64_t patience);

/* Gives the client what it was still to get, an alert perhaps, and the end. */
void pump_part(struct pump *p);

#endif
