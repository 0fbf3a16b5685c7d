/* The PROXY header. Runs in front, as _restante in an empty chroot, before
 * anything else of the client is read; distrusts every octet, although only
 * listed proxies are asked for one. */

#include "net/proxy.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

enum {
    /* "PROXY UNKNOWN\r\n": no header of either version is shorter. */
    SHORTEST = 15,
    SIGNATURE = 12,

    /* version 2: command, family and transport, type-length-values */
    COMMAND_LOCAL = 0x20,
    COMMAND_PROXY = 0x21,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    ADDRESSES_4 = 12,
    ADDRESSES_6 = 36,
    ADDRESSES_UNIX = 216,
    TLV_HEAD = 3,
    TLV_TLS = 0x20,
    TLV_TLS_LEAST = 5, /* what the client did, whether it was verified */
    TLV_TLS_CLIENT = 1 /* bit: it came over TLS */
};

static const unsigned char signature[SIGNATURE] = {
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static int wrong(void)
{
    errno = EPROTO;
    return -1;
}

static bool begins(const struct proxy_parser *p, const void *with, size_t len)
{
    return memcmp(p->octets, with, p->len < len ? p->len : len) == 0;
}

static size_t word(const unsigned char *at)
{
    return (size_t)at[0] << 8 | at[1];
}

/* ---- how much more ---- */

static int wants_binary(const struct proxy_parser *p, size_t *wanted)
{
    if (p->len < PROXY_FIXED) {
        *wanted = PROXY_FIXED - p->len;
        return 0;
    }
    size_t whole = PROXY_FIXED + word(p->octets + 14);
    if (whole > PROXY_MAX || p->len > whole)
        return wrong();
    *wanted = whole - p->len;
    return 0;
}

/* Behind the shortest line there is nothing to tell the end but the end. */
static int wants_line(const struct proxy_parser *p, size_t *wanted)
{
    const unsigned char *lf = memchr(p->octets, '\n', p->len);

    *wanted = 0;
    if (lf != NULL)
        return lf == p->octets + p->len - 1 ? 0 : wrong();
    if (p->len >= PROXY_LINE)
        return wrong();
    *wanted = 1;
    return 0;
}

void proxy_start(struct proxy_parser *p)
{
    p->len = 0;
}

int proxy_wants(const struct proxy_parser *p, size_t *wanted)
{
    bool binary = begins(p, signature, SIGNATURE);

    if (!binary && !begins(p, "PROXY ", 6))
        return wrong();
    if (p->len < SHORTEST) {
        *wanted = SHORTEST - p->len;
        return 0;
    }
    return binary ? wants_binary(p, wanted) : wants_line(p, wanted);
}

/* ---- version 1 ---- */

static int read_port(struct slice text)
{
    uint64_t port;

    return slice_number(text, &port) == 0 && port <= 65535 ? 0 : wrong();
}

static int read_address(int family, struct slice text, struct in6_addr *address)
{
    char word_text[INET6_ADDRSTRLEN];

    memset(address, 0, sizeof *address);
    if (family == AF_INET)
        address->s6_addr[10] = address->s6_addr[11] = 0xff;
    void *to = family == AF_INET ? address->s6_addr + 12 : address->s6_addr;
    return slice_copy(text, word_text, sizeof word_text) == 0 &&
                   inet_pton(family, word_text, to) == 1
               ? 0
               : wrong();
}

/* Cuts a word and the one space behind it off the rest. */
static struct slice cut(struct slice *rest)
{
    const char *space = memchr(rest->at, ' ', rest->len);
    size_t len = space != NULL ? (size_t)(space - rest->at) : rest->len;
    struct slice text = {rest->at, len};
    size_t taken = len + (space != NULL);

    *rest = (struct slice){rest->at + taken, rest->len - taken};
    return text;
}

static int read_tcp(struct slice rest, int family, struct proxy_header *header)
{
    struct in6_addr here;

    header->client = PROXY_ADDRESS;
    if (read_address(family, cut(&rest), &header->address) < 0 ||
        read_address(family, cut(&rest), &here) < 0 ||
        read_port(cut(&rest)) < 0 || read_port(rest) < 0)
        return -1;
    return 0;
}

static bool is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static int read_line(const struct proxy_parser *p, struct proxy_header *header)
{
    struct slice rest = {(const char *)p->octets, p->len - 1};

    if (rest.len == 0 || rest.at[rest.len - 1] != '\r')
        return wrong();
    rest.len--;
    cut(&rest); /* PROXY */
    struct slice what = cut(&rest);
    if (is(what, "TCP4"))
        return read_tcp(rest, AF_INET, header);
    if (is(what, "TCP6"))
        return read_tcp(rest, AF_INET6, header);
    header->client = PROXY_UNKNOWN;
    return is(what, "UNKNOWN") ? 0 : wrong();
}

/* ---- version 2 ---- */

/* Takes the addresses. Returns their length, or 0 where there are none or are
 * none of the internet. */
static size_t read_addresses(const struct proxy_parser *p,
                             struct proxy_header *header)
{
    static const size_t lengths[] = {0, ADDRESSES_4, ADDRESSES_6,
                                     ADDRESSES_UNIX};
    const unsigned char *at = p->octets + PROXY_FIXED;
    unsigned family = p->octets[13];
    size_t len = family >> 4 < 4 ? lengths[family >> 4] : 0;

    header->client = PROXY_UNKNOWN;
    if (family == FAMILY_TCP4 || family == FAMILY_TCP6)
        header->client = PROXY_ADDRESS;
    memset(&header->address, 0, sizeof header->address);
    if (p->len < PROXY_FIXED + len)
        return len;
    if (family == FAMILY_TCP6)
        memcpy(header->address.s6_addr, at, 16);
    else if (family == FAMILY_TCP4) {
        header->address.s6_addr[10] = header->address.s6_addr[11] = 0xff;
        memcpy(header->address.s6_addr + 12, at, 4);
    }
    return len;
}

/* Of all that a proxy may add only one thing matters here. */
static int read_values(const unsigned char *at, size_t left,
                       struct proxy_header *header)
{
    while (left > 0) {
        if (left < TLV_HEAD || word(at + 1) > left - TLV_HEAD)
            return wrong();
        size_t len = word(at + 1);
        if (at[0] == TLV_TLS && len < TLV_TLS_LEAST)
            return wrong();
        if (at[0] == TLV_TLS)
            header->tls = (at[TLV_HEAD] & TLV_TLS_CLIENT) != 0;
        at += TLV_HEAD + len;
        left -= TLV_HEAD + len;
    }
    return 0;
}

static int read_binary(const struct proxy_parser *p,
                       struct proxy_header *header)
{
    unsigned command = p->octets[12];

    if (command == COMMAND_LOCAL) {
        header->client = PROXY_ITSELF; /* whatever else it says */
        return 0;
    }
    if (command != COMMAND_PROXY)
        return wrong();
    size_t len = PROXY_FIXED + read_addresses(p, header);
    if (len > p->len)
        return wrong();
    return read_values(p->octets + len, p->len - len, header);
}

int proxy_read(const struct proxy_parser *p, struct proxy_header *header)
{
    size_t wanted;

    *header = (struct proxy_header){.client = PROXY_UNKNOWN};
    if (proxy_wants(p, &wanted) < 0)
        return -1;
    if (wanted > 0)
        return wrong();
    return p->octets[0] == 'P' ? read_line(p, header) : read_binary(p, header);
}
