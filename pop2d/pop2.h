#ifndef POP2_H
#define POP2_H

#include "serve/session.h"

/* POP2: RFC 937. */
extern const struct protocol pop2_protocol;

#endif
