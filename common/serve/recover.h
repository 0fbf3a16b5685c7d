#ifndef SERVE_RECOVER_H
#define SERVE_RECOVER_H

#include "rooms/setup.h"

/*
 * Finishes the interrupted updates of all users who have a state directory:
 * what a crash has left, before anybody delivers or reads (--recover, at
 * boot). Paths come from the template, never from a record. Returns the exit
 * status: 0, or 75 when an update is still pending (the log says whose).
 */
int recover_all(const struct setup *setup);

#endif
