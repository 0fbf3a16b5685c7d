#ifndef ROOMS_SECURE_H
#define ROOMS_SECURE_H

/* The monitor's side of the tls room, from birth to report. The start uses it,
 * too: with --tls the room is born before the others, and --check asks it what
 * it thinks of the key. */

#include "rooms/contract.h"
#include "rooms/setup.h"

struct secure {
    pid_t pid;          /* 0: it was never born */
    int wire;           /* to it; -1: it is not there, or not any more */
    int socket, stream; /* front's ends, until front has them; -1 */
    bool asked;         /* front has asked for it */
    bool answered;      /* ... and knows whether it is there */
    bool ready;         /* it has the key and is in its cage */
};

enum {
    SECURE_TEXT = 48 + TEXT_TLS
};

/* No tls room. */
void secure_start(struct secure *s);

/* Bears it and gives it its order. Returns 0, or -1 with errno. */
int secure_bear(struct secure *s, const struct setup *setup);

/* Waits until it has looked at the key. why, of TEXT_WHY octets, says what is
 * wrong and what to do. */
enum tls_key secure_await(struct secure *s, int64_t deadline, char *why);

/* Front needs it no more: if it still waits for the client, it ends. */
void secure_leave(struct secure *s);

/* It has ended: closes everything of it and waits for it. Returns its wait
 * status. */
int secure_bury(struct secure *s);

/* Answers front: it is there, or it is not. */
void secure_tell_front(struct secure *s, int front);

/* How the handshake ended, for the log: "tls=TLSv1.3 cipher=NAME" when there
 * was one, else "reason=WORD", with the library's words behind it if it has
 * any. Returns text, of SECURE_TEXT octets. */
const char *secure_text(const struct frame_tls_report *report, char *text);

#endif
