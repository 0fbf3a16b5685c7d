#ifndef SPOOL_DOTLOCK_H
#define SPOOL_DOTLOCK_H

/* The dotlock itself: MAILBOX.lock, a text file "PID\nHOST\nBOOT\n". Made by
 * link(2) so that it never exists empty; a stale one is broken only by renaming
 * it away and looking at its inode a second time. */

#include <stdbool.h>

enum {
    DOTLOCK_STALE_SECONDS = 600,
    DOTLOCK_REFRESH_SECONDS = 10
};

enum {
    DOTLOCK_TEXT = 256 /* octets of a lock's text */
};

/* All the names it ever uses, in a page of their own that is read-only once
 * they are written: a cage can allow these and no others. */
struct dotlock_names {
    char lock[272];  /* MAILBOX.lock */
    char ticket[64]; /* a file of our own, to be linked to it */
    char aside[72];  /* what a stale one is moved to */
};

struct dotlock {
    int directory; /* where the mailbox is; owned by the caller */
    const struct dotlock_names *names;
    char host[128]; /* this host's name, as written into the lock */
    char boot[64];  /* the kernel's id of this boot, likewise */
    bool local;     /* the directory is on a file system of this host */
    int fd;         /* our lock file while we hold it, else -1 */
};

/* Learns what will stand in the lock: host and boot. */
void dotlock_learn(struct dotlock *d);

/* Prepares a dotlock for the mailbox called name in the directory, in place of
 * the one it was for. Returns 0, or -1 with errno (ENAMETOOLONG). */
int dotlock_aim(struct dotlock *d, int directory, const char *name);

/* Both, for a process that has one mailbox only. */
int dotlock_prepare(struct dotlock *d, int directory, const char *name);

/* Is it certain that nobody holds a dotlock of the mailbox called name? What
 * cannot be seen is not. */
bool dotlock_is_absent(int directory, const char *name);

/* Tries once, breaking a stale lock. Returns 0, or -1 with errno: EEXIST when
 * somebody holds it, else why it cannot be made here. */
int dotlock_try(struct dotlock *d);

/* Tells the others that the holder lives; call it every
 * DOTLOCK_REFRESH_SECONDS. */
void dotlock_refresh(const struct dotlock *d);

/* Removes it if it is held and still ours. */
void dotlock_release(struct dotlock *d);

#endif
