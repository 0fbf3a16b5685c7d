/* The PROXY header, read first. Runs in front, as _restante in an empty chroot;
 * nothing is answered until the header is whole. */

#include "serve/proxied.h"
#include "net/proxy.h"

/* Reads no octet that may belong to what follows the header. Returns 0, or -1
 * with the reason in s->end; whoever goes before the first octet is nobody. */
static int read_header(struct session *s, struct proxy_parser *p)
{
    size_t wanted;

    for (proxy_start(p);;) {
        if (proxy_wants(p, &wanted) < 0)
            break;
        if (wanted == 0)
            return 0;
        switch (stream_some(&s->stream, p->octets + p->len, &wanted,
                            s->setup->login_ends)) {
        case STREAM_LINE:
            p->len += wanted;
            continue;
        case STREAM_TIMEOUT:
            s->end = END_TIMEOUT;
            return -1;
        default:
            s->end = p->len == 0 ? END_EOF : END_PROXY;
            return -1;
        }
    }
    s->end = END_PROXY;
    return -1;
}

int proxied_begin(struct session *s)
{
    struct proxy_parser parser;
    struct proxy_header header;

    if (!s->setup->proxied)
        return 0;
    if (read_header(s, &parser) < 0)
        return -1;
    if (proxy_read(&parser, &header) < 0) {
        s->end = END_PROXY;
        return -1;
    }
    front_tell_peer(&s->front, &header);
    s->told = *s->setup;
    setup_tell(&s->told, &header);
    s->setup = &s->told;
    return 0;
}
