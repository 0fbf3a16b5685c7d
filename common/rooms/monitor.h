#ifndef ROOMS_MONITOR_H
#define ROOMS_MONITOR_H

#include "rooms/setup.h"

#include <sys/types.h>

/*
 * The monitor's life: from the birth of front to the end of the session. Holds
 * no descriptor of the client and never reads an octet from it. front is its
 * socket and process. Returns when everything it bore has ended.
 */
void monitor_run(const struct setup *setup, int front, pid_t front_pid);

#endif
