#ifndef ROOMS_ADMISSION_H
#define ROOMS_ADMISSION_H

/* What a login that succeeded turns into. */

#include "rooms/contract.h"
#include "rooms/setup.h"
#include "spool/dotlock.h"
#include "spool/place.h"

#include <sys/types.h>

struct admission {
    pid_t pid;   /* of the keeper */
    int monitor; /* the monitor's socket to it */
    int front;   /* front's */
};

/* Bears the keeper of the account. The sockets are the caller's to close.
 * Returns 0, or -1 with errno: the caller must end. */
int admission_bear(const struct setup *setup, const struct frame_decision *d,
                   const struct place *place, struct admission *admitted);

/*
 * The monitor is root no more: the user, with the spool's group as the only
 * other power, and in its cage. Prepares the dotlock of the maildrop. Returns
 * 0, or -1 with errno: the caller must end.
 */
int admission_settle(const struct setup *setup, const struct frame_decision *d,
                     const struct place *place, struct dotlock *dotlock);

#endif
