#ifndef AUTH_MECHANISMS_H
#define AUTH_MECHANISMS_H

/* The mechanisms of the auth program, one file each: what the client is asked
 * and what that proves. All run in its cage. */

#include "auth/room.h"

void password_converse(struct auth_room *r, struct proof *proof);
void plain_converse(struct auth_room *r, struct proof *proof);
void login_converse(struct auth_room *r, struct proof *proof);

/* PLAIN's message (RFC 4616), for the fuzz target: takes name and password, or
 * leaves the proof as it is. */
void plain_take(const struct frame_order *order, struct slice message,
                struct proof *proof);

#endif
