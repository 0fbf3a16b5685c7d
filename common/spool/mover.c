/*
 * Moving kept octets, with a record before each step. Runs in the keeper, as
 * the user, caged; distrusts everybody who writes to the mailbox between a
 * crash and the recovery.
 *
 * Why a step can be repeated: its octets are carried in the record, or its
 * target ends before its source begins. Why a step is not begun too early: the
 * one before it has been synced when its record is written. Why the cut comes
 * last: nothing that is cut off is needed once every move is on disk.
 */

#include "spool/mover.h"
#include "base/checksum.h"
#include "base/exact.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WINDOW = 4096,             /* octets that a lead or mark covers */
    STRIDE_LEAST = 1024 * 1024 /* a run moved without carrying is longer */
};

/* ---- octets ---- */

/* Checksum of len octets of the mailbox, through block. */
static int sum(const struct mover *m, uint64_t at, uint64_t len, char *block,
               uint64_t *digest)
{
    struct checksum check;

    checksum_start(&check);
    while (len > 0) {
        size_t part = len < JOURNAL_PAYLOAD ? (size_t)len : JOURNAL_PAYLOAD;
        lock_refresh(m->dotlocker);
        if (exact_read(m->fd, block, part, at) < 0)
            return -1;
        checksum_add(&check, block, part);
        at += part;
        len -= part;
    }
    *digest = checksum_end(&check);
    return 0;
}

static int copy_down(const struct mover *m, uint64_t source, uint64_t target,
                     uint64_t len)
{
    while (len > 0) {
        size_t part = len < JOURNAL_PAYLOAD ? (size_t)len : JOURNAL_PAYLOAD;
        lock_refresh(m->dotlocker);
        if (exact_read(m->fd, m->block, part, source) < 0 ||
            exact_write(m->fd, m->block, part, target) < 0)
            return -1;
        source += part;
        target += part;
        len -= part;
    }
    return 0;
}

/* ---- one step ---- */

/* The windows are read before the step is recorded: what stands before target
 * is final, and behind the mark nothing is written any more. Behind the last
 * step the mark lies where the file will be cut: mail delivered after the cut
 * would stand there, with its own From_ line. */
static int look_around(struct mover *m, struct progress *p)
{
    char window[WINDOW];
    uint64_t lead = p->target < WINDOW ? p->target : WINDOW;
    uint64_t hole = p->next - (p->target + p->length);

    p->mark_at = p->target + p->length;
    p->mark_len = p->end - p->mark_at;
    if (p->next != p->end) {
        p->mark_len = hole;
        p->mark_at = p->end - hole;
    }
    if (p->mark_len > WINDOW)
        p->mark_len = WINDOW;
    if (sum(m, p->target - lead, lead, window, &p->lead) < 0)
        return -1;
    return sum(m, p->mark_at, p->mark_len, window, &p->mark);
}

static struct progress step_of(const struct mover *m, uint64_t length)
{
    return (struct progress){.kind = JOURNAL_MOVE,
                             .inode = m->inode,
                             .target = m->target,
                             .length = length,
                             .end = m->end};
}

/* Makes from what is really left to move: where a run has ended, the start of
 * the next one, or the end of the mailbox. */
static void look_ahead(struct mover *m)
{
    if (m->from == m->to && !m->next_run(m))
        m->from = m->to = m->end;
}

/* Moves the next length octets of the run, which are out of their own way. */
static int stride(struct mover *m, uint64_t length)
{
    struct progress p = step_of(m, length);

    p.source = m->from;
    m->from += length;
    look_ahead(m);
    p.next = m->from;
    if (sum(m, p.source, length, m->block, &p.content) < 0 ||
        look_around(m, &p) < 0 || journal_write(m->journal, &p, NULL) < 0 ||
        copy_down(m, p.source, p.target, length) < 0)
        return -1;
    m->target += length;
    return fdatasync(m->fd);
}

/* Gathers octets of this run and the next ones into the block. Returns how
 * many, or -1. */
static ssize_t gather(struct mover *m)
{
    size_t held = 0, room = m->journal->reserved;

    while (held < room) {
        if (m->from == m->to && !m->next_run(m))
            break;
        uint64_t part = m->to - m->from;
        if (part > room - held)
            part = room - held;
        if (exact_read(m->fd, m->block + held, part, m->from) < 0)
            return -1;
        held += part;
        m->from += part;
    }
    return (ssize_t)held;
}

/* Carries as many octets as the record has room for. */
static int carry(struct mover *m)
{
    ssize_t length = gather(m);

    if (length < 0)
        return -1;
    struct progress p = step_of(m, (uint64_t)length);
    look_ahead(m);
    p.next = m->from;
    p.content = checksum_of(m->block, (size_t)length);
    if (look_around(m, &p) < 0 || journal_write(m->journal, &p, m->block) < 0 ||
        exact_write(m->fd, m->block, (size_t)length, m->target) < 0)
        return -1;
    m->target += (uint64_t)length;
    return fdatasync(m->fd);
}

/* ---- the loop ---- */

/* A long run over a wide hole goes without being carried. So does every run
 * when the disk has no room for carrying. */
static int step(struct mover *m)
{
    uint64_t run = m->to - m->from, hole = m->from - m->target;
    uint64_t length = run < hole ? run : hole;

    if (length == 0) {
        errno = EINVAL;
        return -1;
    }
    if (m->journal->reserved == 0 || length >= STRIDE_LEAST)
        return stride(m, length);
    return carry(m);
}

/* Mail that was appended since the size was taken is one more run. */
static bool grown(struct mover *m)
{
    struct stat st;

    if (fstat(m->fd, &st) < 0 || (uint64_t)st.st_size <= m->end)
        return false;
    m->from = m->end;
    m->to = m->end = (uint64_t)st.st_size;
    return true;
}

static int cut(struct mover *m)
{
    if (ftruncate(m->fd, (off_t)m->target) < 0)
        return -1;
    return fsync(m->fd);
}

int mover_run(struct mover *m)
{
    bool moved = false;

    while (m->from < m->to || m->next_run(m) || grown(m)) {
        if (m->journal == NULL) {
            errno = ESTALE; /* it grew after the last look */
            return -1;
        }
        if (step(m) < 0)
            return -1;
        moved = true;
    }
    if (cut(m) < 0)
        return -1;
    return moved ? journal_done(m->journal) : 0;
}

/* ---- recovery ---- */

static bool no_more_runs(struct mover *m)
{
    (void)m;
    return false;
}

/* Is the mailbox what the step left, but for what was appended? */
static int fits(const struct mover *m, const struct progress *p, bool *fitting)
{
    uint64_t lead = p->target < WINDOW ? p->target : WINDOW, found;

    *fitting = false;
    if (sum(m, p->target - lead, lead, m->block, &found) < 0)
        return -1;
    if (found != p->lead)
        return 0;
    if (p->carries == 0) {
        if (sum(m, p->source, p->length, m->block, &found) < 0)
            return -1;
        if (found != p->content)
            return 0;
    }
    *fitting = true;
    return 0;
}

/* Are the numbers such that a step could have been recorded with them? */
static bool sane(const struct progress *p)
{
    if (p->next < p->end && p->target + p->length == p->next)
        return false; /* no hole, yet something to move */
    return p->end <= INT64_MAX && p->next <= p->end && p->length <= p->next &&
           p->target <= p->next - p->length && p->mark_len <= WINDOW &&
           p->mark_at <= p->end && p->mark_len <= p->end - p->mark_at &&
           (p->carries != 0 || (p->source <= p->next - p->length &&
                                p->target + p->length <= p->source));
}

/* Has the file been cut, and perhaps grown again, since the step? */
static int was_cut(const struct mover *m, const struct progress *p,
                   uint64_t size, bool *yes)
{
    uint64_t found;

    *yes = size < p->end;
    if (*yes)
        return 0;
    if (sum(m, p->mark_at, p->mark_len, m->block, &found) < 0)
        return -1;
    *yes = found != p->mark;
    return 0;
}

static int repeat(struct mover *m, const struct progress *p)
{
    int result;

    if (p->carries != 0)
        result = journal_payload(m->journal, m->block, p->length, 0) < 0
                     ? -1
                     : exact_write(m->fd, m->block, p->length, p->target);
    else
        result = copy_down(m, p->source, p->target, p->length);
    return result < 0 ? -1 : fdatasync(m->fd);
}

static int set_aside(struct mover *m)
{
    return journal_set_aside(m->journal) < 0 ? -1 : RECOVERY_ASIDE;
}

/* Repeats the step, then moves what was left as one run. */
static int resume(struct mover *m, const struct progress *p, uint64_t size)
{
    if (repeat(m, p) < 0)
        return -1;
    m->target = p->target + p->length;
    m->from = p->next;
    m->to = m->end = size;
    if (m->from < m->to)
        journal_reserve(m->journal, m->to - m->from);
    return mover_run(m) < 0 ? -1 : RECOVERY_FINISHED;
}

/* The file is not what the last step left. If the cut was ours, everything
 * moved is in its place and only the record is out of date. */
static int after_cut(struct mover *m, const struct progress *p, uint64_t size)
{
    uint64_t found;

    if (p->next != p->end || size < p->target + p->length)
        return set_aside(m);
    if (sum(m, p->target, p->length, m->block, &found) < 0)
        return -1;
    if (found != p->content)
        return set_aside(m);
    return journal_done(m->journal) < 0 ? -1 : RECOVERY_FINISHED;
}

static int recover(struct mover *m, const struct progress *p)
{
    struct stat st;
    bool cut_before, fitting;

    if (fstat(m->fd, &st) < 0)
        return -1;
    m->inode = st.st_ino;
    uint64_t size = (uint64_t)st.st_size;
    if (p->inode != m->inode || !sane(p))
        return set_aside(m);
    if (was_cut(m, p, size, &cut_before) < 0)
        return -1;
    if (cut_before)
        return after_cut(m, p, size);
    if (fits(m, p, &fitting) < 0)
        return -1;
    return fitting ? resume(m, p, size) : set_aside(m);
}

int mover_recover(int fd, struct journal *journal, struct dotlocker *dotlocker)
{
    struct mover m = {.fd = fd,
                      .dotlocker = dotlocker,
                      .journal = journal,
                      .next_run = no_more_runs};
    struct progress p;
    int pending = journal_load(journal, &p);

    if (pending <= 0)
        return pending < 0 ? -1 : RECOVERY_NONE;
    m.block = malloc(JOURNAL_PAYLOAD);
    if (m.block == NULL)
        return -1;
    int result = recover(&m, &p);
    int saved = errno;
    free(m.block);
    errno = saved;
    return result;
}
