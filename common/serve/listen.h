#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

/*
 * Where the client is. A service manager that passes descriptors (LISTEN_FDS)
 * has put it on 3; everybody else on 0 and 1. Returns 0, or -1 when more or
 * fewer than one descriptor was passed.
 */
int listen_client(int *in, int *out);

#endif
