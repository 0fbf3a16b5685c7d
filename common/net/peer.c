/* The peer's address. Runs in the monitor before the rooms divide; reads
 * nothing from the peer. */

#include "net/peer.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void map_v4(struct in6_addr *to, const struct in_addr *v4)
{
    memset(to, 0, sizeof *to);
    to->s6_addr[10] = to->s6_addr[11] = 0xff;
    memcpy(to->s6_addr + 12, v4, 4);
}

static bool is_loopback(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

static void set_local(struct peer *peer)
{
    *peer = (struct peer){.local = true, .text = "local"};
}

static void set_internet(struct peer *peer, const struct in6_addr *address)
{
    peer->address = *address;
    peer->internet = true;
    peer->local = is_loopback(address);
    if (IN6_IS_ADDR_V4MAPPED(address))
        inet_ntop(AF_INET, address->s6_addr + 12, peer->text,
                  sizeof peer->text);
    else
        inet_ntop(AF_INET6, address, peer->text, sizeof peer->text);
}

/* A socket of a family we cannot judge is not local. */
static void set_unknown(struct peer *peer)
{
    *peer = (struct peer){.text = "unknown"};
}

int peer_of(int fd, struct peer *peer)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    struct in6_addr mapped;

    if (getpeername(fd, (struct sockaddr *)&from, &len) < 0) {
        if (errno != ENOTSOCK)
            return -1;
        set_local(peer);
        return 0;
    }
    switch (from.ss_family) {
    case AF_UNIX:
        set_local(peer);
        break;
    case AF_INET:
        map_v4(&mapped, &((struct sockaddr_in *)&from)->sin_addr);
        set_internet(peer, &mapped);
        break;
    case AF_INET6:
        set_internet(peer, &((struct sockaddr_in6 *)&from)->sin6_addr);
        break;
    default:
        set_unknown(peer);
    }
    return 0;
}

void peer_told(struct peer *peer, const struct in6_addr *address)
{
    set_unknown(peer);
    if (address == NULL)
        return;
    set_internet(peer, address);
    peer->internet = !peer->local;
    peer->local = false;
}

static int parse_address(const char *text, struct in6_addr *address,
                         unsigned *most)
{
    struct in_addr v4;

    if (inet_pton(AF_INET6, text, address) == 1) {
        *most = 128;
        return 0;
    }
    if (inet_pton(AF_INET, text, &v4) == 1) {
        map_v4(address, &v4);
        *most = 32;
        return 0;
    }
    errno = EINVAL;
    return -1;
}

int network_parse(const char *text, struct network *network)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    unsigned most;
    uint64_t bits;

    if (slice_copy((struct slice){text, len}, address, sizeof address) < 0 ||
        parse_address(address, &network->address, &most) < 0) {
        errno = EINVAL;
        return -1;
    }
    bits = most;
    if (slash != NULL &&
        (slice_number(slice_of(slash + 1), &bits) < 0 || bits > most)) {
        errno = EINVAL;
        return -1;
    }
    network->bits = 128 - most + (unsigned)bits;
    return 0;
}

static bool holds(const struct network *network, const struct peer *peer)
{
    unsigned octets = network->bits / 8, rest = network->bits % 8;
    const uint8_t *a = network->address.s6_addr, *b = peer->address.s6_addr;

    if (!peer->internet || memcmp(a, b, octets) != 0)
        return false;
    return rest == 0 || ((a[octets] ^ b[octets]) >> (8 - rest)) == 0;
}

bool networks_hold(const struct networks *networks, const struct peer *peer)
{
    for (size_t i = 0; i < networks->count; i++)
        if (holds(&networks->list[i], peer))
            return true;
    return false;
}
