#ifndef NET_PEER_H
#define NET_PEER_H

/* Who is at the other end of the client's descriptor, and is that a network
 * the administrator named? Addresses are IPv6; IPv4 ones are v4-mapped. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

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

enum {
    NETWORKS_MAX = 32
};

struct networks {
    size_t count;
    struct network list[NETWORKS_MAX];
};

/* Who is at the other end of fd? Returns 0, or -1 with errno: ENOTCONN when
 * the peer of a socket is gone already. */
int peer_of(int fd, struct peer *peer);

/*
 * A peer as somebody else has told it: at that address, or somewhere unknown
 * (NULL). Never local, and a loopback address is inside no network: what is
 * told can name a client, not make it trusted.
 */
void peer_told(struct peer *peer, const struct in6_addr *address);

/* Reads "192.0.2.0/24", "2001:db8::/32" or a single address. Returns 0, or -1
 * with errno EINVAL. */
int network_parse(const char *text, struct network *network);

/* Does the peer have an address inside one of the networks? */
bool networks_hold(const struct networks *networks, const struct peer *peer);

#endif
