#ifndef SERVE_SURROUNDINGS_H
#define SERVE_SURROUNDINGS_H

/* What a right configuration still needs of the machine: directories, PAM's
 * file, the programs beside this one, the kernel's cages. For --check. */

#include "rooms/setup.h"

/*
 * Prints a line for each thing that is not as it should be, and what to do: on
 * standard error `PROGRAM: ...` where nobody, or nobody's update, could be
 * served; on standard output `warning: ...` where there is less than there
 * could be. Returns the number of the former.
 */
unsigned surroundings_look(const struct setup *s, const char *program);

#endif
