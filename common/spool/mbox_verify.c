/*
 * Are messages still where the scan saw them? Runs in the keeper, as the user,
 * caged; distrusts everybody who writes to the mailbox.
 *
 * What is looked at is read through one window, as far ahead as it will be
 * needed and no further: kept messages between the others cost nothing.
 */

#include "base/checksum.h"
#include "spool/mbox.h"
#include "spool/mbox_parse.h"
#include "spool/window.h"

#include <errno.h>
#include <string.h>

enum {
    EMPTY_LINE = 3 /* octets that show that an empty line ends there */
};

struct verifier {
    struct window window;
    uint64_t size; /* of the mailbox */
};

/* ---- one message ---- */

static int stale(void)
{
    errno = ESTALE;
    return -1;
}

static int verify_check(struct verifier *v, const struct message *m)
{
    struct checksum check;

    checksum_start(&check);
    for (uint64_t at = m->start, end = message_end(m); at < end;) {
        size_t len;
        const char *octets = window_show(&v->window, at, 1, &len);
        if (octets == NULL)
            return -1;
        len = len < end - at ? len : (size_t)(end - at);
        checksum_add(&check, octets, len);
        at += len;
    }
    return checksum_end(&check) == m->check ? 0 : stale();
}

static bool ends_empty_line(const char last[EMPTY_LINE])
{
    return last[2] == '\n' &&
           (last[1] == '\n' || (last[1] == '\r' && last[0] == '\n'));
}

/* Octets that a From_ line at this offset can have. */
static size_t line_most(const struct verifier *v, uint64_t offset)
{
    uint64_t rest = v->size - offset;

    return rest < MBOX_FROM_MAX ? (size_t)rest : MBOX_FROM_MAX;
}

/* What stands behind a message must be the end or, behind an empty line,
 * another From_ line: else taking it out would join two halves. */
static int verify_seam(struct verifier *v, const struct message *m)
{
    uint64_t end = message_end(m);
    size_t most, len;

    if (end == v->size)
        return 0;
    if (end < EMPTY_LINE)
        return stale();
    most = line_most(v, end);
    const char *seam =
        window_show(&v->window, end - EMPTY_LINE, EMPTY_LINE + most, &len);
    if (seam == NULL)
        return -1;
    const char *line = seam + EMPTY_LINE;
    const char *lf = memchr(line, '\n', most);
    if (lf == NULL || !ends_empty_line(seam) ||
        !mbox_is_from(line, (size_t)(lf + 1 - line)))
        return stale();
    return 0;
}

/* ---- several ---- */

/* Messages first to last stand one behind the other: what each of them begins
 * with is in its checksum, so that only the last one has a seam to look at. */
static int verify_run(struct verifier *v, const struct message *first,
                      const struct message *last)
{
    uint64_t end = message_end(last);

    if (end > v->size)
        return stale();
    v->window.until = end + line_most(v, end);
    for (const struct message *m = first; m <= last; m++)
        if (verify_check(v, m) < 0)
            return -1;
    return verify_seam(v, last);
}

static bool is_wanted(const struct marks *marks, uint64_t i)
{
    return marks == NULL || marks_has(marks, i);
}

static int verify_runs(struct verifier *v, const struct table *t,
                       uint64_t first, const struct marks *marks)
{
    for (uint64_t i = first, last; i < t->count; i = last + 1) {
        last = i;
        if (!is_wanted(marks, i))
            continue;
        while (last + 1 < t->count && is_wanted(marks, last + 1) &&
               t->messages[last + 1].start == message_end(&t->messages[last]))
            last++;
        if (verify_run(v, &t->messages[i], &t->messages[last]) < 0)
            return -1;
    }
    return 0;
}

int mbox_verify(const struct mailbox *mb, uint64_t size,
                const struct table *table, uint64_t first,
                const struct marks *marks)
{
    struct verifier v = {.size = size};

    if (window_open(&v.window, mb->fd, mb->dotlocker) < 0)
        return -1;
    int result = verify_runs(&v, table, first, marks);
    window_close(&v.window);
    return result;
}
