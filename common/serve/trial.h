#ifndef SERVE_TRIAL_H
#define SERVE_TRIAL_H

#include "rooms/setup.h"

#include <stdbool.h>

/* Has a login by this mechanism, whose client leaves before a word, got as far
 * as to the client? If not, its key file or its program is of no use. For
 * --check. */
bool trial_succeeds(const struct setup *s, enum mechanism mechanism);

#endif
