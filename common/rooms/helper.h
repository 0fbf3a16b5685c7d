#ifndef ROOMS_HELPER_H
#define ROOMS_HELPER_H

/* Helper programs: rooms that are programs of their own, because they need a
 * library that nobody else should have. */

#include <stddef.h>
#include <sys/types.h>

enum {
    HELPER_FIRST = 3,    /* given descriptors begin here */
    HELPER_GIVEN_MAX = 3 /* and are at most so many */
};

/*
 * In a fresh child of parent: becomes the program (an O_PATH descriptor), with
 * the given descriptors as HELPER_FIRST and up, /dev/null on 0 to 2, nothing
 * else and no environment; it dies with the parent. name is its argv[0].
 */
_Noreturn void helper_become(int program, const char *name, const int *given,
                             size_t count, pid_t parent);

#endif
