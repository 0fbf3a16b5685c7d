#ifndef TLS_KEY_H
#define TLS_KEY_H

#include "rooms/contract.h"

#include <openssl/ssl.h>

/*
 * Loads the certificate chain and the private key, and makes the terms on which
 * TLS is spoken. Fills in *ready. Returns the terms, which are the caller's, or
 * NULL when ready->key is TLS_KEY_UNUSABLE.
 */
SSL_CTX *key_load(const struct frame_tls_order *order,
                  struct frame_tls_ready *ready);

#endif
