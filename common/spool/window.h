#ifndef SPOOL_WINDOW_H
#define SPOOL_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct dotlocker;

/*
 * A look at a file that goes forward through it: reads ahead as far as will be
 * looked at, a block at a time. Whoever looks holds the mailbox's locks.
 */
struct window {
    int fd;
    struct dotlocker *dotlocker; /* to be refreshed; NULL is fine */
    uint64_t until; /* nothing will be looked at behind this offset */
    char *block;    /* of WINDOW_BLOCK octets */
    uint64_t at;    /* offset of what block holds */
    size_t held;    /* octets in block */
};

enum {
    WINDOW_BLOCK = 256 * 1024 /* octets */
};

/* Gives w its block; until may be changed at any time. Returns 0, or -1 with
 * errno ENOMEM. */
int window_open(struct window *w, int fd, struct dotlocker *dotlocker);

/*
 * Shows the file from offset on: at least `least` octets (at most
 * WINDOW_BLOCK), which may lie behind until, and in *len how many there are.
 * They stay until the next look. NULL with errno: ENODATA when the file ends
 * before.
 */
const char *window_show(struct window *w, uint64_t offset, size_t least,
                        size_t *len);

/* Frees the block and leaves errno alone. */
void window_close(struct window *w);

#endif
