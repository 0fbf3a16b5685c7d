/* Headers of messages. Runs in the keeper, as the user, caged; distrusts every
 * octet. */

#include "spool/header.h"
#include "base/exact.h"

#include <string.h>
#include <strings.h>

enum {
    BLOCK = 8192
};

struct reader {
    bool (*take)(void *context, struct slice line);
    void *context;
    bool cut;  /* the line at hand was too long and has been taken */
    bool over; /* nothing more is wanted */
};

static void take_line(struct reader *r, const char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    r->over = len == 0 || !r->take(r->context, (struct slice){line, len});
}

/* Takes the whole lines of the block. Returns the octets taken. */
static size_t take_lines(struct reader *r, const char *block, size_t held)
{
    size_t at = 0;

    while (at < held && !r->over) {
        const char *lf = memchr(block + at, '\n', held - at);
        if (lf == NULL)
            break;
        size_t len = (size_t)(lf - (block + at));
        if (!r->cut)
            take_line(r, block + at, len);
        r->cut = false;
        at += len + 1;
    }
    return at;
}

/* The block holds no line's end, or it is the last. */
static size_t take_rest(struct reader *r, const char *block, size_t held)
{
    if (held > 0 && !r->cut && !r->over)
        take_line(r, block, held);
    r->cut = true;
    return held;
}

int header_read(int fd, uint64_t offset, uint64_t length,
                bool (*take)(void *context, struct slice line), void *context)
{
    struct reader r = {.take = take, .context = context};
    uint64_t left = length;
    char block[BLOCK];
    size_t held = 0;

    while ((left > 0 || held > 0) && !r.over) {
        size_t want = sizeof block - held;
        if (want > left)
            want = (size_t)left;
        if (exact_read(fd, block + held, want, offset) < 0)
            return -1;
        offset += want;
        left -= want;
        held += want;
        size_t taken = take_lines(&r, block, held);
        if (taken == 0 && (left == 0 || held == sizeof block))
            taken = take_rest(&r, block, held);
        held -= taken;
        memmove(block, block + taken, held);
    }
    return 0;
}

bool header_field(struct slice line, const char *name, struct slice *value)
{
    size_t len = strlen(name);

    if (line.len < len || strncasecmp(line.at, name, len) != 0)
        return false;
    *value = slice_trim((struct slice){line.at + len, line.len - len});
    return true;
}
