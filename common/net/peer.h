#ifndef NET_PEER_H
#define NET_PEER_H

/* Who is at the other end of the client's descriptor, and is that a network
 * the administrator named? Addresses are IPv6; IPv4 ones are v4-mapped. */

#include <netinet/in.h>
#include <stdbool.h>

struct peer {
    struct in6_addr address;
    bool internet;               /* address is valid */
    bool local;                  /* loopback, socketpair, pipe, terminal */
    char text[INET6_ADDRSTRLEN]; /* numeric address, or "local" */
};

struct network {
    struct in6_addr address;
    unsigned bits; /* of the prefix, 0..128 */
};

/* Who is at the other end of fd? Returns 0, or -1 with errno: ENOTCONN when
 * the peer of a socket is gone already. */
int peer_of(int fd, struct peer *peer);

/* Reads "192.0.2.0/24", "2001:db8::/32" or a single address. Returns 0, or -1
 * with errno EINVAL. */
int network_parse(const char *text, struct network *network);

/* Does the peer have an address inside the network? */
bool network_holds(const struct network *network, const struct peer *peer);

#endif
