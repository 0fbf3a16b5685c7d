/* Stored form to wire form. Runs in front; distrusts the message. */

#include "net/wire.h"

#include <string.h>

void wire_start(struct wire *w, bool stuff, uint64_t lines)
{
    *w = (struct wire){
        .stuff = stuff, .at_start = true, .blank = true, .lines = lines};
}

/* Copies a run that holds no LF. Returns the octets written. */
static size_t put_run(struct wire *w, const char *run, size_t len, char *to)
{
    size_t dot = 0;

    if (len == 0)
        return 0;
    if (w->stuff && w->at_start && run[0] == '.')
        to[dot++] = '.';
    memcpy(to + dot, run, len);
    if (len > 1 || run[0] != '\r' || !w->at_start)
        w->blank = false;
    w->at_start = false;
    w->after_cr = run[len - 1] == '\r';
    w->octets += len;
    return len + dot;
}

static size_t put_line_end(struct wire *w, char *to)
{
    size_t len = 0;

    if (!w->after_cr)
        to[len++] = '\r';
    to[len++] = '\n';
    w->octets += len;
    w->at_start = true;
    w->after_cr = false;
    return len;
}

/* Counts the line just ended against the limit. */
static void count_line(struct wire *w)
{
    if (w->in_body) {
        if (w->lines != WIRE_ALL_LINES)
            w->lines--;
    } else if (w->blank) {
        w->in_body = true;
    }
    w->blank = true;
    w->done = w->in_body && w->lines == 0;
}

size_t wire_encode(struct wire *w, const char **from, const char *end, char *to,
                   size_t room)
{
    const char *at = *from;
    size_t used = 0;

    /* Beside the run itself a dot, a CR and a LF may have to fit. */
    while (at < end && !w->done && room - used > 3) {
        size_t part = (size_t)(end - at);
        if (part > room - used - 3)
            part = room - used - 3;
        const char *lf = memchr(at, '\n', part);
        if (lf != NULL)
            part = (size_t)(lf - at);
        used += put_run(w, at, part, to + used);
        at += part;
        if (lf != NULL) {
            used += put_line_end(w, to + used);
            at++;
            count_line(w);
        }
    }
    *from = at;
    return used;
}

size_t wire_finish(struct wire *w, char *to)
{
    if (w->at_start)
        return 0;
    w->after_cr = false; /* a lone CR at the very end is no line end */
    return put_line_end(w, to);
}
