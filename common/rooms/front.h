#ifndef ROOMS_FRONT_H
#define ROOMS_FRONT_H

/* Front's side of the monitor and of auth: the login. */

#include "base/slice.h"
#include "rooms/contract.h"
#include "rooms/setup.h"

struct front {
    int monitor;              /* socket */
    int auth;                 /* socket; -1: no auth lives */
    int keeper;               /* socket; -1: nobody is logged in */
    enum mechanism mechanism; /* that auth was born for */
    int tls;    /* socket; -1: tls is not there, or has the client already */
    int inside; /* stream to tls, in the client's place; -1 */
};

/*
 * Makes this process the front room: _restante (or the caller), an empty root
 * directory, its cage. monitor is its socket, parent the monitor's process.
 * Returns 0, or -1 with errno: the caller must end.
 */
int front_enter(const struct setup *setup, int monitor, pid_t parent);

/* Tells the monitor, once and before any login, what the proxy has told. */
void front_tell_peer(const struct front *f, const struct proxy_header *told);

/* Has an auth born for this mechanism, if none lives; it starts while the
 * client still types. Returns 0, or -1 with errno: EPERM when it may ask no
 * more. */
int front_ask_auth(struct front *f, enum mechanism mechanism, int64_t deadline);

/* Gives up the login under way, if there is one; the verdict is
 * OUTCOME_CANCELLED, unless auth had made up its mind. Returns 0 or -1. */
int front_drop_auth(struct front *f, int64_t deadline, enum outcome *outcome,
                    bool *last);

/*
 * Gives user and password (for APOP: the digest) to auth and waits for the
 * monitor's verdict. When it is OUTCOME_ACCEPTED, f->keeper is the keeper's
 * socket. *last says that no further try will be heard. Returns 0, or -1 with
 * errno (the monitor is gone, or the deadline passed).
 */
int front_login(struct front *f, enum mechanism mechanism,
                const struct frame_password *password, int64_t deadline,
                enum outcome *outcome, bool *last);

/* Passes a piece of the client's line on to auth, at most PIECE_OCTETS. */
void front_say(const struct front *f, struct slice piece, bool initial,
               bool more);

/*
 * What comes after a whole line: returns 1 with a piece of a challenge (read
 * on while it says more), 0 with the verdict, as front_login() gives it, or -1
 * with errno.
 */
int front_hear(struct front *f, int64_t deadline, struct frame_piece *challenge,
               enum outcome *outcome, bool *last);

/* Has a tls born, when no auth lives. Returns 0 with *usable, or -1 with
 * errno. */
int front_ask_tls(struct front *f, int64_t deadline, bool *usable);

/*
 * Hands the client (in and out, may be one descriptor) over to tls and lets it
 * go: from here on the client is f->inside. Returns 0, or -1 with errno.
 */
int front_hand_over(struct front *f, int in, int out);

/* Tells the monitor of a login refused because it would be in clear. */
void front_refused_plaintext(const struct front *f, enum mechanism mechanism,
                             struct slice user);

/* Tells the monitor why and after what this room ends. */
void front_farewell(const struct front *f, const struct frame_farewell *words);

#endif
