#ifndef ROOMS_POLICY_H
#define ROOMS_POLICY_H

/* Whose word counts for what: the administrator's policy on passwords in clear
 * and on proxies. */

#include "net/peer.h"

#include <stdbool.h>

enum plaintext {
    PLAINTEXT_NETWORKS, /* local, and the networks named */
    PLAINTEXT_NEVER,
    PLAINTEXT_ALWAYS
};

struct policy {
    enum plaintext plaintext;
    struct networks networks; /* may send passwords in clear */
    bool proxy_tls;           /* TLS that a proxy tells of is TLS */
    struct networks proxies;  /* must tell who their client is */
};

/* May this peer send a password that the program itself sees in clear? secured
 * says that it has crossed the network inside TLS all the same. */
bool policy_plaintext(const struct policy *policy, const struct peer *peer,
                      bool secured);

#endif
