#ifndef ROOMS_MONITOR_H
#define ROOMS_MONITOR_H

#include "rooms/contract.h"
#include "rooms/secure.h"
#include "rooms/setup.h"
#include "spool/place.h"

#include <sys/types.h>

/*
 * The monitor's life: from the birth of front to the end of the session. Holds
 * no descriptor of the client and never reads an octet from it. front is its
 * socket and process; secure is the tls room if it was born already. Returns
 * when everything it bore has ended.
 */
void monitor_run(const struct setup *setup, const struct secure *secure,
                 int front, pid_t front_pid);

/*
 * The same for a maildrop that is visited without a client (--recover): the
 * account is known, the visitor takes front's place and gets the keeper's
 * socket.
 */
void monitor_visit(const struct setup *setup,
                   const struct frame_decision *account,
                   const struct place *place, int visitor, pid_t visitor_pid);

#endif
