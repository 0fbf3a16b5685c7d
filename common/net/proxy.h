#ifndef NET_PROXY_H
#define NET_PROXY_H

/*
 * The header that a load balancer sends in front of a connection it passes on:
 * the PROXY protocol, versions 1 (a line of text) and 2 (binary), as HAProxy
 * publishes it.
 *
 * The parser does no I/O. It says how many octets certainly still belong to
 * the header, so that a caller who reads no more than that never takes an
 * octet of what follows, be it a command or a TLS handshake.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    PROXY_LINE = 107, /* octets of a version 1 header, CRLF included */
    PROXY_FIXED = 16, /* octets at the start of every version 2 header */
    PROXY_MAX = 4096  /* octets of the longest header that is read */
};

enum proxy_client {
    PROXY_ADDRESS, /* the client has this address */
    PROXY_UNKNOWN, /* there is a client, at no internet address */
    PROXY_ITSELF,  /* the proxy speaks for itself: a health check (LOCAL) */
    PROXY_CLIENTS
};

struct proxy_header {
    enum proxy_client client;
    bool tls;                /* version 2: the client came to it over TLS */
    struct in6_addr address; /* PROXY_ADDRESS; IPv4 ones are v4-mapped */
};

struct proxy_parser {
    size_t len; /* octets held */
    unsigned char octets[PROXY_MAX];
};

/* A parser that has seen nothing. */
void proxy_start(struct proxy_parser *p);

/* How many octets to read next, at octets + len: 0 when the header is whole.
 * Returns them in *wanted, and 0; or -1 with errno EPROTO when it is none. */
int proxy_wants(const struct proxy_parser *p, size_t *wanted);

/* What a whole header says. Returns 0, or -1 with errno EPROTO. */
int proxy_read(const struct proxy_parser *p, struct proxy_header *header);

#endif
