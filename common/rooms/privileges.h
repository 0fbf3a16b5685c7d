#ifndef ROOMS_PRIVILEGES_H
#define ROOMS_PRIVILEGES_H

/* How a room gives up what it does not need, for good. */

#include <stddef.h>
#include <sys/types.h>

struct identity {
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[64];
};

/*
 * Becomes that identity irrevocably: real, effective and saved ids, groups,
 * no capabilities, no new privileges, not dumpable (so that no other process
 * of the same user can look inside). An unprivileged caller must have that uid
 * already. Every effect is verified. Returns 0, or -1 with errno: the caller
 * must end.
 */
int privileges_drop(const struct identity *who);

/* Leaves no core dump and lets nobody of the same user look inside; the drop
 * does that, too. Returns 0, or -1 with errno. */
int privileges_hide(void);

/* Asks for the signal when the parent dies; parent is who it was at fork.
 * Call after the drop, which would clear it. Returns 0, or -1. */
int privileges_tie_life(int signal, pid_t parent);

/* Puts /dev/null on descriptors 0 to 2, except those that are in or out: what a
 * library says when it dies must not land in the next file opened. Returns 0,
 * or -1 with errno. */
int privileges_blank_standard(int in, int out);

/* Closes every descriptor that is not among the kept ones (-1 is ignored).
 * Returns 0, or -1 with errno: the caller must end. */
int privileges_close_others(const int *kept, size_t count);

/* Lets every signal through again: the monitor alone takes them from a
 * descriptor, the rooms that it bears simply die of them. */
void privileges_hear_signals(void);

#endif
