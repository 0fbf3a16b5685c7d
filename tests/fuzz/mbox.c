/*
 * The mbox classifier and the wire encoder: messages lie in order and inside
 * the file, the promised wire size is what the encoder sends, and feeding the
 * file line by line finds the same messages as feeding it at once.
 */

#include "net/wire.h"
#include "spool/mbox_parse.h"
#include "target.h"

#include <string.h>

enum {
    KEPT = 64
};

struct found {
    const char *file;
    uint64_t size, end, count;
    struct message kept[KEPT];
};

static void check_wire(const struct found *f, const struct message *m)
{
    const char *from = f->file + message_text(m);
    const char *end = from + m->length;
    char out[64];
    struct wire w;

    wire_start(&w, true, WIRE_ALL_LINES);
    while (from < end)
        wire_encode(&w, &from, end, out, sizeof out);
    wire_finish(&w, out);
    MUST(w.octets == m->wire);
}

static int found(void *context, const struct message *m)
{
    struct found *f = context;

    MUST(m->start >= f->end && message_end(m) <= f->size);
    MUST(f->count == 0 || m->start == f->end);
    MUST(memcmp(f->file + m->start, "From ", 5) == 0);
    check_wire(f, m);
    if (f->count < KEPT)
        f->kept[f->count] = *m;
    f->count++;
    f->end = message_end(m);
    return 0;
}

static void parse_at_once(struct found *f)
{
    struct mbox_parser p;

    mbox_parse_start(&p, found, f);
    MUST(mbox_parse(&p, f->file, f->size) == 0 && mbox_parse_end(&p) == 0);
    MUST(f->count == 0 || f->end == f->size);
}

static void parse_by_line(struct found *f)
{
    struct mbox_parser p;
    size_t at = 0;

    mbox_parse_start(&p, found, f);
    while (at < f->size) {
        const char *lf = memchr(f->file + at, '\n', f->size - at);
        size_t len =
            lf != NULL ? (size_t)(lf + 1 - f->file) - at : f->size - at;
        MUST(mbox_parse(&p, f->file + at, len) == 0);
        at += len;
    }
    MUST(mbox_parse_end(&p) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct found once, again;

    memset(&once, 0, sizeof once);
    memset(&again, 0, sizeof again);
    once.file = again.file = (const char *)data;
    once.size = again.size = size;
    parse_at_once(&once);
    parse_by_line(&again);
    MUST(once.count == again.count &&
         memcmp(once.kept, again.kept, sizeof once.kept) == 0);
    return 0;
}
