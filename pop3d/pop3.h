#ifndef POP3_H
#define POP3_H

#include "serve/session.h"

/* POP3: RFC 1939, with CAPA (2449), response codes (2449, 3206) and LAST
 * (1460). */
extern const struct protocol pop3_protocol;

#endif
