/* Stored form to wire form. Runs in front; distrusts the message. */

#include "net/wire.h"

#include <string.h>

void wire_start(struct wire *w, bool stuff, uint64_t lines)
{
    *w = (struct wire){.expansion = {.stuff = stuff, .previous = '\n'},
                       .blank = true,
                       .lines = lines};
}

static size_t expand(struct wire *w, const char **from, const char *end,
                     char *to, size_t room)
{
    uint64_t dots = w->expansion.dots;
    size_t used = lines_expand(&w->expansion, from, end, to, room);

    w->octets += used - (w->expansion.dots - dots);
    return used;
}

/* Is there nothing but a CR, if anything, in this piece of a line's text? */
static bool is_blank(const char *text, size_t len, char previous)
{
    return len == 0 || (len == 1 && text[0] == '\r' && previous == '\n');
}

/* Counts the line just ended against the limit. */
static void count_line(struct wire *w)
{
    if (w->in_body)
        w->lines--;
    else if (w->blank)
        w->in_body = true;
    w->blank = true;
    w->done = w->in_body && w->lines == 0;
}

/* Takes what there is of one line. */
static size_t encode_line(struct wire *w, const char **from, const char *end,
                          char *to, size_t room)
{
    const char *line = *from, *lf = memchr(line, '\n', (size_t)(end - line));
    char previous = w->expansion.previous;
    size_t used = expand(w, from, lf != NULL ? lf + 1 : end, to, room);
    bool whole = lf != NULL && *from > lf;
    size_t text = (size_t)((whole ? lf : *from) - line);

    w->blank = w->blank && is_blank(line, text, previous);
    if (whole)
        count_line(w);
    return used;
}

size_t wire_encode(struct wire *w, const char **from, const char *end, char *to,
                   size_t room)
{
    size_t used = 0;

    if (w->lines == WIRE_ALL_LINES)
        return expand(w, from, end, to, room);
    while (*from < end && !w->done && room - used >= EXPAND_ROOM)
        used += encode_line(w, from, end, to + used, room - used);
    return used;
}

size_t wire_finish(struct wire *w, char *to)
{
    if (w->expansion.previous == '\n')
        return 0;
    /* A lone CR at the very end is no line end. */
    w->expansion.previous = '\n';
    to[0] = '\r';
    to[1] = '\n';
    w->octets += 2;
    return 2;
}
