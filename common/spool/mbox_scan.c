/*
 * Finding the messages of an mbox: by reading it under its locks, or by its
 * index and what was added since. Runs in the keeper, as the user, caged;
 * distrusts the mailbox, the index and everybody who writes to either.
 */

#include "base/exact.h"
#include "spool/dotlock.h"
#include "spool/filesystem.h"
#include "spool/index.h"
#include "spool/mbox.h"
#include "spool/mbox_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A mailbox written within this long before its scan may be written again
 * without its times changing. */
#define RACY_NANOSECONDS 2000000000LL

struct scan {
    int fd;
    struct dotlocker *dotlocker; /* to be refreshed */
    struct table_writer *table;  /* NULL: only counted */
    struct index_writer index;
};

/* Octets of head before the empty line, or all of them. */
static size_t header_of(const char *head, size_t len)
{
    for (size_t at = 1; at < len; at++)
        if (head[at - 1] == '\n' &&
            (head[at] == '\n' ||
             (head[at] == '\r' && at + 1 < len && head[at + 1] == '\n')))
            return at;
    return len;
}

/* c-client keeps its own data in a first message that no user wants to see.
 * It stays in the mailbox and out of the table. */
static bool is_internal(int fd, const struct message *m)
{
    static const char subject[] =
        "\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";
    char head[1025];
    size_t len = m->length < 1024 ? m->length : 1024;

    head[0] = '\n';
    if (exact_read(fd, head + 1, len, message_text(m)) < 0)
        return false;
    size_t header = header_of(head, len + 1);
    return memmem(head, header, subject, sizeof subject - 1) != NULL &&
           memmem(head, header, "\nX-IMAP", 7) != NULL;
}

static int emit(void *context, const struct message *m)
{
    struct scan *scan = context;

    if (m->start == 0 && is_internal(scan->fd, m))
        return 0;
    index_write(&scan->index, m);
    return scan->table == NULL ? 0 : table_write(scan->table, m, sizeof *m);
}

/* How many octets of the block to parse now: whole lines, or all of it when it
 * is full or the last. */
static size_t whole_lines(const char *block, size_t held, bool last)
{
    const char *lf = memrchr(block, '\n', held);

    if (last || (lf == NULL && held == MBOX_BLOCK))
        return held;
    return lf == NULL ? 0 : (size_t)(lf + 1 - block);
}

/* Parses the octets of the file from offset up to size through block. */
static int parse_file(const struct scan *scan, uint64_t offset, uint64_t size,
                      char *block, struct mbox_parser *p)
{
    size_t held = 0;

    while (offset < size || held > 0) {
        uint64_t want = size - offset;
        if (want > MBOX_BLOCK - held)
            want = MBOX_BLOCK - held;
        lock_refresh(scan->dotlocker);
        if (exact_read(scan->fd, block + held, want, offset) < 0)
            return -1;
        offset += want;
        held += want;
        size_t ready = whole_lines(block, held, offset == size);
        if (mbox_parse(p, block, ready) != 0)
            return -1;
        held -= ready;
        memmove(block, block + ready, held);
    }
    return mbox_parse_end(p) == 0 ? 0 : -1;
}

/* Finds the messages from offset on, which is the file's start or a From_
 * line. */
static int read_messages(struct scan *scan, uint64_t offset, uint64_t size)
{
    struct mbox_parser parser;
    char *block = malloc(MBOX_BLOCK);

    if (block == NULL)
        return -1;
    mbox_parse_start(&parser, emit, scan);
    parser.offset = offset;
    int result = parse_file(scan, offset, size, block, &parser);
    int saved = errno;
    free(block);
    errno = saved;
    return result;
}

/* Could it be written again without these times changing? Moments are compared
 * by one clock: the one that gives files their times. */
static bool is_settled(const struct mailbox *mb, const struct snapshot *seen)
{
    struct timespec here;
    int64_t now;

    if (!mb->shared) {
        clock_gettime(CLOCK_REALTIME, &here);
        now = here.tv_sec * 1000000000LL + here.tv_nsec;
    } else if (filesystem_now(mb->clock, seen->device, &now) < 0) {
        return false;
    }
    return seen->modified < now - RACY_NANOSECONDS &&
           seen->changed < now - RACY_NANOSECONDS;
}

static int look(const struct mailbox *mb, struct snapshot *now)
{
    struct stat st;

    if (mbox_look(mb, &st) < 0)
        return -1;
    *now = snapshot_of(&st);
    return 0;
}

/* Does this mailbox get an index? */
static bool is_indexed(const struct mailbox *mb, const struct snapshot *now)
{
    return mb->state >= 0 && mb->index != NULL && now->size > 0 &&
           now->size >= mb->index_from;
}

void mbox_forget(const struct mailbox *mb)
{
    int saved = errno;

    if (mb->state >= 0 && mb->index != NULL)
        unlinkat(mb->state, mb->index, 0);
    errno = saved;
}

/* ---- all of it ---- */

static int scan_locked(struct mailbox *mb, struct scan *scan)
{
    if (look(mb, &mb->seen) < 0)
        return -1;
    if (is_indexed(mb, &mb->seen))
        index_write_start(&scan->index, mb->state, mb->index);
    else
        mbox_forget(mb);
    int result = read_messages(scan, 0, mb->seen.size);
    mb->settled = is_settled(mb, &mb->seen);
    if (result < 0)
        index_write_drop(&scan->index);
    else
        index_write_end(&scan->index, mb->fd, &mb->seen, mb->settled);
    return result;
}

/* Whoever is in the middle of writing has begun before the first look and goes
 * on behind the last: then he holds his dotlock at any moment between them. Who
 * writes between them is seen by the times, which lie long before the first. */
static bool is_untouched(const struct mailbox *mb,
                         const struct snapshot *before)
{
    struct snapshot now;

    return snapshot_same(before, &mb->seen) &&
           dotlock_is_absent(mb->directory, mb->name) && look(mb, &now) == 0 &&
           snapshot_same(before, &now);
}

/*
 * Reads a small mailbox that is left alone without a dotlock, which is a file
 * to be made and removed: a poll then writes nothing at all. Not by a network,
 * where looks may be old. Returns whether what was read is the mailbox.
 */
static bool read_untouched(struct mailbox *mb, struct scan *scan)
{
    struct snapshot before;

    if (mb->shared || look(mb, &before) < 0 || is_indexed(mb, &before) ||
        !is_settled(mb, &before) || lock_fcntl(mb->fd, F_RDLCK) < 0)
        return false;
    bool whole = scan_locked(mb, scan) == 0 && is_untouched(mb, &before);
    lock_fcntl(mb->fd, F_UNLCK);
    return whole;
}

static int read_with_locks(struct mailbox *mb, struct scan *scan)
{
    bool dotlocked;

    if (lock_mailbox(mb->fd, F_RDLCK, mb->dotlocker, MBOX_PATIENCE,
                     &dotlocked) < 0)
        return -1;
    int result = scan_locked(mb, scan);
    int saved = errno;
    unlock_mailbox(mb->fd, mb->dotlocker, dotlocked);
    errno = saved;
    return result;
}

static struct scan scan_of(const struct mailbox *mb, struct table_writer *table)
{
    return (struct scan){.fd = mb->fd,
                         .dotlocker = mb->dotlocker,
                         .table = table,
                         .index = {.fd = -1}};
}

static int read_all(struct mailbox *mb, struct table_writer *table,
                    uint64_t *count)
{
    struct scan scan = scan_of(mb, table);
    int result = 0;

    if (!read_untouched(mb, &scan)) {
        scan = scan_of(mb, table);
        result = table_write_again(table) < 0 ? -1 : read_with_locks(mb, &scan);
    }
    *count = scan.index.header.whole.count;
    return result;
}

/* ---- by the index ---- */

/* Takes down what was counted. */
static int recall(struct mailbox *mb, const struct index_header *h,
                  uint64_t *count, uint64_t *octets)
{
    mb->recalled = true;
    mb->seen = h->seen;
    mb->settled = false; /* what is deleted must be looked at */
    mb->unverified = h->unverified;
    *count = h->whole.count;
    *octets = h->whole.octets;
    return 1;
}

/* Reads what was added since, and the message that was the last. Returns 1 when
 * the index holds everything, else 0. */
static int grow_locked(struct mailbox *mb, struct index *x, struct scan *scan)
{
    struct snapshot now;

    if (look(mb, &now) < 0 || index_fits(x, mb->fd, &now) != INDEX_GROWN)
        return 0;
    uint64_t kept = x->header.base.kept.count;
    index_write_on(&scan->index, x, mb->state, mb->index);
    if (read_messages(scan, scan->index.header.base.resume, now.size) == 0 &&
        scan->index.header.whole.count > kept &&
        index_write_end(&scan->index, mb->fd, &now, is_settled(mb, &now)) == 0)
        return 1;
    index_write_drop(&scan->index);
    return 0;
}

static int grow(struct mailbox *mb, struct index *x, uint64_t *count,
                uint64_t *octets)
{
    struct scan scan = scan_of(mb, NULL);
    bool dotlocked;

    if (lock_mailbox(mb->fd, F_RDLCK, mb->dotlocker, MBOX_PATIENCE,
                     &dotlocked) < 0)
        return -1;
    int known = grow_locked(mb, x, &scan);
    unlock_mailbox(mb->fd, mb->dotlocker, dotlocked);
    return known == 0 ? 0 : recall(mb, &scan.index.header, count, octets);
}

/* A mailbox like its index needs no lock: whoever is writing to it has not
 * begun. */
int mbox_recall(struct mailbox *mb, uint64_t *count, uint64_t *octets)
{
    struct snapshot now;
    struct index x;
    int known = 0;

    if (look(mb, &now) < 0 || !is_indexed(mb, &now) ||
        index_open(&x, mb->state, mb->index) < 0)
        return 0;
    enum index_fit fit = index_fits(&x, mb->fd, &now);
    if (fit == INDEX_EXACT)
        known = recall(mb, &x.header, count, octets);
    else if (fit == INDEX_GROWN)
        known = grow(mb, &x, count, octets);
    int saved = errno;
    index_close(&x);
    errno = saved;
    return known;
}

static int list_recalled(struct mailbox *mb, struct table_writer *table,
                         uint64_t *count)
{
    struct index x;

    if (index_open(&x, mb->state, mb->index) < 0) {
        errno = ESTALE;
        return -1;
    }
    *count = x.header.whole.count;
    int result =
        snapshot_same(&x.header.seen, &mb->seen) ? index_list(&x, table) : -1;
    index_close(&x);
    if (result == 0)
        return 0;
    mbox_forget(mb);
    errno = ESTALE;
    return -1;
}

int mbox_scan(struct mailbox *mb, struct table_writer *table, uint64_t *count)
{
    return mb->recalled ? list_recalled(mb, table, count)
                        : read_all(mb, table, count);
}
