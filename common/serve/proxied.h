#ifndef SERVE_PROXIED_H
#define SERVE_PROXIED_H

#include "serve/session.h"

/*
 * Where the connection comes from a proxy, reads the PROXY header off it, to
 * the octet and before anything else, tells the monitor, and makes s->setup
 * what it says. Returns 0, or -1 when the session is over: s->end says why.
 */
int proxied_begin(struct session *s);

#endif
