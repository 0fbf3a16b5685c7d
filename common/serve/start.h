#ifndef SERVE_START_H
#define SERVE_START_H

#include "serve/session.h"

/* All of a daemon's main(): options, the client's descriptors, the rooms.
 * Returns the exit status. */
int start(const struct protocol *protocol, int argc, char **argv);

#endif
