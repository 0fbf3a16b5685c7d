#ifndef ROOMS_FRONT_H
#define ROOMS_FRONT_H

/* Front's side of the monitor and of auth: the login. */

#include "base/slice.h"
#include "rooms/contract.h"
#include "rooms/setup.h"

struct front {
    int monitor; /* socket */
    int auth;    /* socket; -1: no auth lives */
    int keeper;  /* socket; -1: nobody is logged in */
};

/*
 * Makes this process the front room: _restante (or the caller), an empty root
 * directory, its cage. monitor is its socket, parent the monitor's process.
 * Returns 0, or -1 with errno: the caller must end.
 */
int front_enter(const struct setup *setup, int monitor, pid_t parent);

/* Tells the monitor, once and before any login, what the proxy has told. */
void front_tell_peer(const struct front *f, const struct proxy_header *told);

/* Has an auth born, if none lives; it starts while the client still types.
 * Returns 0, or -1 with errno. */
int front_ask_auth(struct front *f, enum mechanism mechanism, int64_t deadline);

/*
 * Gives user and password to auth and waits for the monitor's verdict. When it
 * is OUTCOME_ACCEPTED, f->keeper is the keeper's socket. *last says that no
 * further try will be heard. Returns 0, or -1 with errno (the monitor is gone,
 * or the deadline passed).
 */
int front_login(struct front *f, const struct frame_password *password,
                int64_t deadline, enum outcome *outcome, bool *last);

/* Tells the monitor of a login refused because it would be in clear. */
void front_refused_plaintext(const struct front *f, struct slice user);

/* Tells the monitor why and after what this room ends. */
void front_farewell(const struct front *f, const struct frame_farewell *words);

#endif
