#ifndef SERVE_CERTIFICATE_H
#define SERVE_CERTIFICATE_H

#include "rooms/secure.h"
#include "rooms/setup.h"
#include "serve/options.h"

#include <stdbool.h>

/*
 * Where chain and key are: as the options say, else in the service manager's
 * credentials restante.crt and restante.key, else nowhere. Returns 0, or -1
 * with error, of OPTIONS_ERROR octets, when the options do not fit together.
 */
int certificate_choose(struct tls_terms *terms, const struct options *o,
                       char *error);

/* Are both files there, and nobody's who should not have them? What is in them
 * only the tls room can tell. Returns 0, or -1 with error. */
int certificate_look(const struct tls_terms *terms, char *error);

/* Bears the tls room and hears what it thinks of them, until the deadline. With
 * anything but TLS_KEY_GOOD, error says what to do. */
enum tls_key certificate_try(struct secure *secure, const struct setup *setup,
                             int64_t deadline, char *error);

#endif
