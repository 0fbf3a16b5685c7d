#ifndef ROOMS_KEEPER_H
#define ROOMS_KEEPER_H

#include "rooms/contract.h"
#include "rooms/privileges.h"
#include "spool/place.h"

/* What the monitor tells a new-born keeper. */
struct keeper_birth {
    struct identity who;
    const char *user;     /* canonical name */
    const char *state;    /* root of the state directories */
    struct place place;   /* of the maildrop */
    struct place instead; /* what takes its place if it is there */
    const char *folders;  /* their directory's path; NULL: there are none */
    bool read_only;       /* nothing may be changed */
    const struct uidl_style *uidl;
    int front, monitor; /* sockets */
    pid_t parent;
};

/* The keeper's life, in a process of its own: becomes the user, enters its
 * cage, serves front until it hangs up, and exits. */
_Noreturn void keeper_live(const struct keeper_birth *birth);

#endif
