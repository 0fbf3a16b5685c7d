/* The PROXY header: read piece by piece it never takes an octet of what follows,
 * and says the same as when it is read octet by octet. */

#include "net/proxy.h"
#include "target.h"

#include <string.h>

/* Gives the parser what it wants, at most pieces of that size. Returns 0 when a
 * header is whole, 1 when there is too little, -1 when it is none. */
static int feed(struct proxy_parser *p, const uint8_t *data, size_t size,
                size_t piece)
{
    size_t wanted;

    proxy_start(p);
    while (proxy_wants(p, &wanted) == 0) {
        if (wanted == 0)
            return 0;
        MUST(wanted <= PROXY_MAX - p->len);
        size_t part = wanted < piece ? wanted : piece;
        if (part > size - p->len)
            part = size - p->len;
        if (part == 0)
            return 1;
        memcpy(p->octets + p->len, data + p->len, part);
        p->len += part;
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proxy_parser whole, single;
    struct proxy_header a, b;
    int result = feed(&whole, data, size, PROXY_MAX);
    int again = feed(&single, data, size, 1);

    MUST(result == again);
    if (result != 0)
        return 0;
    MUST(whole.len == single.len && whole.len <= size);
    MUST(memcmp(whole.octets, single.octets, whole.len) == 0);
    result = proxy_read(&whole, &a);
    MUST(result == proxy_read(&single, &b));
    if (result < 0)
        return 0;
    MUST(a.client < PROXY_CLIENTS && a.client == b.client && a.tls == b.tls);
    MUST(memcmp(&a.address, &b.address, sizeof a.address) == 0);
    MUST(whole.octets[0] == '\r' || whole.octets[whole.len - 1] == '\n');
    return 0;
}
