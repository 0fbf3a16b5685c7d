#ifndef ROOMS_FILTER_H
#define ROOMS_FILTER_H

/*
 * Filters of system calls (seccomp), made from tables. A call that a filter
 * does not allow kills the process: a room that makes one is owned or wrong,
 * and either is better dead than guessed about.
 */

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FILTER_CONDITIONS = 2, /* of one call, at most */
    FILTER_MOST = 512      /* instructions */
};

/* One argument, under a mask, must have one value. Of an int the kernel looks
 * at the low half alone, and so must the mask. */
struct condition {
    unsigned argument;
    uint64_t mask, value;
};

/* A call that is allowed when all its conditions hold. */
struct call {
    int number;
    size_t count; /* of conditions */
    struct condition conditions[FILTER_CONDITIONS];
};

struct calls {
    const struct call *calls;
    size_t count;
};

struct filter {
    struct sock_filter code[FILTER_MOST];
    size_t len; /* what was put, beyond the room, too */
};

/* Allows what a row of one of the count tables allows, and nothing else.
 * Returns 0, or -1 with errno E2BIG. */
int filter_allow(struct filter *f, const struct calls *tables, size_t count);

/* The other way round, for a room in which any library may have to run: allows
 * all but these numbers. Returns as filter_allow() does. */
int filter_refuse(struct filter *f, const int *numbers, size_t count);

/* From here on and for ever. Returns 0, or -1 with errno. */
int filter_install(const struct filter *f);

#endif
