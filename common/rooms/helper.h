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
 * Starts the program (an O_PATH descriptor), with the given descriptors as
 * HELPER_FIRST and up, /dev/null on 0 to 2, nothing else and no environment;
 * it dies with the caller. name is its argv[0]. Returns its process ID, or -1
 * with errno. One that cannot become the program exits with EXIT_CAGE and up.
 */
pid_t helper_start(int program, const char *name, const int *given,
                   size_t count);

#endif
