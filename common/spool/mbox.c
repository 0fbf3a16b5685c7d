/*
 * The mbox format: safe opening, the scan under lock, confirming a message.
 * Runs in the keeper, as the user, caged; distrusts the mailbox and everybody
 * who writes to it.
 */

#include "spool/mbox.h"
#include "base/exact.h"
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

static int open_checked(const struct mailbox *mb, int access, struct stat *st)
{
    int fd = openat(mb->directory, mb->name,
                    access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        if (errno == ELOOP || errno == ENXIO || errno == EISDIR)
            errno = EPERM;
        return -1;
    }
    if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode) || st->st_nlink != 1 ||
        st->st_uid != mb->owner) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

static int mbox_open(struct mailbox *mb)
{
    struct stat st;

    mb->writable = true;
    mb->fd = open_checked(mb, O_RDWR, &st);
    if (mb->fd < 0 && (errno == EACCES || errno == EROFS)) {
        mb->writable = false;
        mb->fd = open_checked(mb, O_RDONLY, &st);
    }
    return mb->fd < 0 ? -1 : 0;
}

static int mbox_reader(struct mailbox *mb)
{
    struct stat ours, st;
    int fd = open_checked(mb, O_RDONLY, &st);

    if (fd >= 0 && (fstat(mb->fd, &ours) < 0 || ours.st_ino != st.st_ino ||
                    ours.st_dev != st.st_dev)) {
        close(fd);
        errno = ESTALE;
        return -1;
    }
    return fd;
}

struct scan {
    struct table_writer *table;
    uint64_t count;
    int fd;
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
    scan->count++;
    return table_write(scan->table, m, sizeof *m);
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

/* Parses the first size octets of the file through block. */
static int parse_file(int fd, uint64_t size, char *block, struct mbox_parser *p)
{
    uint64_t offset = 0;
    size_t held = 0;

    while (offset < size || held > 0) {
        uint64_t want = size - offset;
        if (want > MBOX_BLOCK - held)
            want = MBOX_BLOCK - held;
        if (exact_read(fd, block + held, want, offset) < 0)
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

static int scan_locked(struct mailbox *mb, struct scan *scan)
{
    struct mbox_parser parser;
    struct timespec now;
    struct stat st;

    if (fstat(mb->fd, &st) < 0)
        return -1;
    char *block = malloc(MBOX_BLOCK);
    if (block == NULL)
        return -1;
    mbox_parse_start(&parser, emit, scan);
    int result = parse_file(mb->fd, (uint64_t)st.st_size, block, &parser);
    int saved = errno;
    free(block);
    errno = saved;
    mb->seen = snapshot_of(&st);
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t young = now.tv_sec * 1000000000LL + now.tv_nsec - RACY_NANOSECONDS;
    mb->settled = mb->seen.modified < young && mb->seen.changed < young;
    return result;
}

static int mbox_scan(struct mailbox *mb, struct table_writer *table,
                     uint64_t *count)
{
    struct scan scan = {.table = table, .fd = mb->fd};
    bool dotlocked;

    if (lock_mailbox(mb->fd, F_RDLCK, mb->dotlocker, MBOX_PATIENCE,
                     &dotlocked) < 0)
        return -1;
    int result = scan_locked(mb, &scan);
    int saved = errno;
    unlock_mailbox(mb->fd, mb->dotlocker, dotlocked);
    errno = saved;
    *count = scan.count;
    return result;
}

/* Does an empty line end at this offset? */
static bool is_behind_empty_line(int fd, uint64_t offset)
{
    char last[3];

    return offset >= sizeof last &&
           exact_read(fd, last, sizeof last, offset - sizeof last) == 0 &&
           last[2] == '\n' &&
           (last[1] == '\n' || (last[1] == '\r' && last[0] == '\n'));
}

static bool is_from_at(int fd, uint64_t offset, uint64_t size)
{
    char line[MBOX_FROM_MAX];
    size_t len = size - offset < sizeof line ? size - offset : sizeof line;

    if (exact_read(fd, line, len, offset) < 0)
        return false;
    const char *lf = memchr(line, '\n', len);
    return lf != NULL && mbox_is_from(line, (size_t)(lf + 1 - line));
}

/* What stands behind a message must be the end or, behind an empty line,
 * another From_ line: else taking it out would join two halves. */
static int verify_seam(int fd, uint64_t size, const struct message *m)
{
    uint64_t end = message_end(m);

    if (end == size ||
        (is_behind_empty_line(fd, end) && is_from_at(fd, end, size)))
        return 0;
    errno = ESTALE;
    return -1;
}

static int verify_check(int fd, const struct message *m, char *block)
{
    XXH3_state_t check;
    uint64_t left = message_end(m) - m->start;

    XXH3_64bits_reset(&check);
    while (left > 0) {
        size_t part = left < MBOX_BLOCK ? left : MBOX_BLOCK;
        if (exact_read(fd, block, part, message_end(m) - left) < 0)
            return -1;
        XXH3_64bits_update(&check, block, part);
        left -= part;
    }
    if (XXH3_64bits_digest(&check) == m->check)
        return 0;
    errno = ESTALE;
    return -1;
}

int mbox_verify(int fd, uint64_t size, const struct message *m)
{
    if (message_end(m) > size) {
        errno = ESTALE;
        return -1;
    }
    char *block = malloc(MBOX_BLOCK);
    if (block == NULL)
        return -1;
    int result = verify_check(fd, m, block);
    free(block);
    return result < 0 ? -1 : verify_seam(fd, size, m);
}

static int mbox_confirm(struct mailbox *mb, const struct message *m)
{
    struct stat st;

    if (lock_fcntl_within(mb->fd, F_RDLCK, MBOX_PATIENCE) < 0)
        return -1;
    int result = fstat(mb->fd, &st);
    if (result == 0)
        result = mbox_verify(mb->fd, (uint64_t)st.st_size, m);
    int saved = errno;
    lock_fcntl(mb->fd, F_UNLCK);
    errno = saved;
    return result;
}

const struct mailbox_format mbox_format = {
    .name = "mbox",
    .open = mbox_open,
    .recover = mbox_recover,
    .scan = mbox_scan,
    .identify = mbox_identify,
    .confirm = mbox_confirm,
    .reader = mbox_reader,
    .update = mbox_remove,
};
