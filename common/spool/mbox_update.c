/*
 * Taking marked messages out of an mbox, in place. Never by rename: an agent
 * that has the file open and waits for our lock would append to a file without
 * a name.
 *
 * Both locks are held from the verification to the sync. Nothing is changed
 * until every message to delete has been found where the scan saw it, or
 * nobody can have written since. Kept octets then move down over the holes in
 * order, and the file is cut; mail that was delivered since the scan stands
 * behind the last message and moves along.
 *
 * Runs in the keeper, as the user, caged; distrusts everybody who writes to
 * the mailbox.
 */

#include "spool/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct update {
    int fd;
    uint64_t size; /* of the mailbox before the update */
    const struct table *table;
    const struct marks *marks;
    uint64_t next;  /* the first message not yet looked at */
    uint64_t hole;  /* where kept octets go: everything before is final */
    char *block;
};

/* Is the mailbox still the file of that name? */
static int same_file(const struct mailbox *mb, const struct stat *st)
{
    struct stat named;

    if (fstatat(mb->directory, mb->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        named.st_ino == st->st_ino && named.st_dev == st->st_dev)
        return 0;
    errno = ESTALE;
    return -1;
}

static int verify(const struct mailbox *mb, const struct update *u,
                  const struct snapshot *now)
{
    if (mb->settled && snapshot_same(now, &mb->seen))
        return 0;
    for (uint64_t i = 0; i < u->table->count; i++)
        if (marks_has(u->marks, i) &&
            mbox_verify(u->fd, u->size, &u->table->messages[i]) < 0)
            return -1;
    return 0;
}

/* Finds the next run of octets to keep behind the next deleted messages:
 * [*from, *to). Returns false when nothing is left to move. */
static bool next_run(struct update *u, uint64_t *from, uint64_t *to)
{
    const struct table *t = u->table;

    while (u->next < t->count && marks_has(u->marks, u->next))
        u->next++;
    *from = u->next == 0 ? 0 : message_end(&t->messages[u->next - 1]);
    while (u->next < t->count && !marks_has(u->marks, u->next))
        u->next++;
    *to = u->next < t->count ? t->messages[u->next].start : u->size;
    return *from < *to;
}

static int write_exactly(int fd, const char *from, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            from += n;
            len -= (size_t)n;
            offset += (uint64_t)n;
        }
    }
    return 0;
}

static int move_down(struct update *u, uint64_t from, uint64_t to)
{
    while (from < to) {
        size_t part = to - from < MBOX_BLOCK ? to - from : MBOX_BLOCK;
        if (mbox_read(u->fd, u->block, part, from) < 0 ||
            write_exactly(u->fd, u->block, part, u->hole) < 0)
            return -1;
        from += part;
        u->hole += part;
    }
    return 0;
}

static int close_holes(struct update *u)
{
    uint64_t from, to;

    while (u->next < u->table->count && !marks_has(u->marks, u->next))
        u->next++;
    u->hole = u->table->messages[u->next].start;
    while (next_run(u, &from, &to))
        if (move_down(u, from, to) < 0)
            return -1;
    if (ftruncate(u->fd, (off_t)u->hole) < 0)
        return -1;
    return fsync(u->fd);
}

static int remove_locked(struct mailbox *mb, struct update *u)
{
    struct snapshot now;
    struct stat st;

    if (fstat(u->fd, &st) < 0 || same_file(mb, &st) < 0)
        return -1;
    now = snapshot_of(&st);
    u->size = now.size;
    if (verify(mb, u, &now) < 0)
        return -1;
    u->block = malloc(MBOX_BLOCK);
    int result = u->block == NULL ? -1 : close_holes(u);
    int saved = errno;
    free(u->block);
    errno = saved;
    return result;
}

int mbox_remove(struct mailbox *mb, const struct table *table,
                const struct marks *marks)
{
    struct update u = {.fd = mb->fd, .table = table, .marks = marks};
    bool dotlocked;

    if (marks->marked == 0)
        return 0;
    if (!mb->writable) {
        errno = EROFS;
        return -1;
    }
    if (lock_mailbox(mb->fd, F_WRLCK, mb->dotlocker, MBOX_PATIENCE,
                     &dotlocked) < 0)
        return -1;
    int result = remove_locked(mb, &u);
    int saved = errno;
    unlock_mailbox(mb->fd, mb->dotlocker, dotlocked);
    errno = saved;
    return result;
}
