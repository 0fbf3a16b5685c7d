/*
 * Taking marked messages out of an mbox, in place. Never by rename: an agent
 * that has the file open and waits for our lock would append to a file without
 * a name.
 *
 * Both locks are held from the verification to the last sync. Nothing is
 * changed until every message to delete has been found where the scan saw it,
 * or nobody can have written since. The usual case, that nothing is kept behind
 * the first deleted message, is one cut; else the mover moves what is kept.
 *
 * The work is done by a child, so that a kill leaves somebody with the locks
 * who finishes it at once; a kill of both is for the next session.
 *
 * Runs in the keeper, as the user, caged; distrusts everybody who writes to
 * the mailbox.
 */

#include "spool/index.h"
#include "spool/mbox.h"
#include "spool/mover.h"
#include "spool/state.h"
#include "spool/twins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEPS_MOST = 4096
}; /* without room to carry; each costs two syncs */

struct update {
    struct mailbox *mb;
    const struct table *table;
    const struct marks *marks;
    uint64_t size;  /* of the mailbox */
    uint64_t first; /* the first message to delete */
    uint64_t next;  /* the first message not yet looked at */
};

/* ---- before anything is changed ---- */

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

static int verify(const struct update *u, const struct snapshot *now)
{
    if (u->mb->settled && snapshot_same(now, &u->mb->seen))
        return 0;
    return mbox_verify(u->mb, u->size, u->table, 0, u->marks);
}

/* ---- what is kept ---- */

/* Finds the next run of octets to keep behind the next deleted messages:
 * [*from, *to). Returns false when there is none. */
static bool find_run(struct update *u, uint64_t *from, uint64_t *to)
{
    const struct table *t = u->table;

    if (u->next > t->count)
        return false;
    while (u->next < t->count && marks_has(u->marks, u->next))
        u->next++;
    *from = message_end(&t->messages[u->next - 1]);
    while (u->next < t->count && !marks_has(u->marks, u->next))
        u->next++;
    *to = u->next < t->count ? t->messages[u->next].start : u->size;
    if (u->next == t->count)
        u->next++; /* the run up to the end is found once */
    return *from < *to;
}

static bool next_run(struct mover *m)
{
    struct update *u = m->context;

    return find_run(u, &m->from, &m->to);
}

/* What moving would take: octets, and steps when none can be carried. */
static void estimate(struct update *u, uint64_t *octets, uint64_t *steps)
{
    uint64_t target = u->table->messages[u->first].start, from, to;

    *octets = *steps = 0;
    while (find_run(u, &from, &to)) {
        uint64_t hole = from - target;
        *steps += (to - from + hole - 1) / hole;
        *octets += to - from;
        target += to - from;
    }
    u->next = u->first;
}

/* ---- the update, under both locks ---- */

static int move(struct update *u, struct journal *journal,
                const struct stat *st)
{
    struct mover m = {.fd = u->mb->fd,
                      .dotlocker = u->mb->dotlocker,
                      .journal = journal,
                      .inode = st->st_ino,
                      .target = u->table->messages[u->first].start,
                      .end = u->size,
                      .next_run = next_run,
                      .context = u,
                      .block = malloc(JOURNAL_PAYLOAD)};
    int result = m.block == NULL ? -1 : mover_run(&m);
    int saved = errno;

    free(m.block);
    errno = saved;
    return result;
}

/* A record that is pending, or may be, must be finished first. */
static int nothing_pending(const struct mailbox *mb)
{
    int pending = mb->state < 0 ? 0 : journal_pending(mb->state, mb->record);

    if (pending == 1)
        errno = EBUSY;
    return pending == 0 ? 0 : -1;
}

/* Opens the journal and makes room for what is to be carried. */
static int prepare(const struct update *u, struct journal *journal,
                   uint64_t octets, uint64_t steps)
{
    struct progress pending;

    if (u->mb->state < 0) {
        errno = EROFS;
        return -1;
    }
    if (u->size > u->mb->size_limit) { /* it would stop the moves half-way */
        errno = EFBIG;
        return -1;
    }
    if (nothing_pending(u->mb) < 0 ||
        journal_open(journal, u->mb->state, u->mb->record) < 0 ||
        journal_load(journal, &pending) < 0)
        return -1;
    if (journal_reserve(journal, octets) == 0 || steps <= STEPS_MOST)
        return 0;
    errno = ENOSPC;
    return -1;
}

static int remove_now(struct update *u, const struct stat *st)
{
    struct journal journal = {.fd = -1};
    uint64_t octets, steps;

    estimate(u, &octets, &steps);
    if (octets == 0)
        return nothing_pending(u->mb) < 0 ? -1 : move(u, NULL, st);
    int result = prepare(u, &journal, octets, steps);
    if (result == 0)
        result = move(u, &journal, st);
    int saved = errno;
    journal_close(&journal);
    errno = saved;
    return result;
}

/* The index may tell of what stands before the first change, no more, and of
 * nothing at all unless it is about this mailbox. */
static void cut_index(const struct update *u, struct index *x)
{
    const struct mailbox *mb = u->mb;

    x->fd = -1;
    if (mb->state < 0 || mb->index == NULL ||
        index_open(x, mb->state, mb->index) < 0)
        return;
    if (u->first > 0 && snapshot_same(&x->header.seen, &mb->seen) &&
        index_cut(x, mb->fd, u->first) == 0)
        return;
    index_close(x);
    mbox_forget(mb);
}

static void renew_index(const struct mailbox *mb, struct index *x)
{
    struct snapshot now;
    struct stat st;

    if (x->fd < 0)
        return;
    now = fstat(mb->fd, &st) == 0 ? snapshot_of(&st) : x->header.seen;
    index_left(x, &now);
    index_close(x);
}

static int remove_locked(struct update *u)
{
    struct snapshot now;
    struct index index;
    struct stat st;

    if (mbox_look(u->mb, &st) < 0 || same_file(u->mb, &st) < 0)
        return -1;
    now = snapshot_of(&st);
    u->size = now.size;
    if (verify(u, &now) < 0) {
        if (errno == ESTALE)
            mbox_forget(u->mb);
        return -1;
    }
    while (!marks_has(u->marks, u->first))
        u->first++;
    u->next = u->first;
    cut_index(u, &index);
    int result = remove_now(u, &st);
    int saved = errno;
    renew_index(u->mb, &index);
    errno = saved;
    return result;
}

/* ---- recovery, under both locks ---- */

static int recover_locked(struct mailbox *mb, struct journal *journal)
{
    int found = mover_recover(mb->fd, journal, mb->dotlocker);

    mb->aside |= found == RECOVERY_ASIDE;
    mb->recovered |= found == RECOVERY_FINISHED;
    return found < 0 ? -1 : 0;
}

static int recover_here(struct mailbox *mb)
{
    struct journal journal;

    if (mb->state < 0 || journal_open(&journal, mb->state, mb->record) < 0)
        return -1;
    int result = recover_locked(mb, &journal);
    int saved = errno;
    journal_close(&journal);
    errno = saved;
    return result;
}

/* Does the work in a child, whose exit status is an errno value. Killed or
 * failed half-way, it leaves the rest to us. */
static int remove_guarded(struct update *u)
{
    int status;
    pid_t child = fork();

    if (child < 0)
        return -1;
    if (child == 0)
        _exit(remove_locked(u) == 0 ? 0 : errno != 0 ? errno : EIO);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    recover_here(u->mb);
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
    return -1;
}

/* ---- the format's functions ---- */

/* Where copies are known, those that stay keep their UIDLs. */
static int remove_keeping_twins(struct update *u)
{
    struct mailbox *mb = u->mb;
    struct identity *all = twins_exist(mb->state, mb->twins)
                               ? mbox_identities(mb, u->table)
                               : NULL;
    int result = remove_guarded(u);
    int saved = errno;

    if (all != NULL && result == 0)
        twins_remember(all, u->table->count, u->marks, mb->state, mb->twins);
    free(all);
    errno = saved;
    return result;
}

int mbox_remove(struct mailbox *mb, const struct table *table,
                const struct marks *marks)
{
    struct update u = {.mb = mb, .table = table, .marks = marks};
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
    int result = remove_keeping_twins(&u);
    int saved = errno;
    unlock_mailbox(mb->fd, mb->dotlocker, dotlocked);
    errno = saved;
    return result;
}

static int recover_under_lock(struct mailbox *mb, struct journal *journal)
{
    struct stat st;
    bool dotlocked;

    if (!mb->writable) {
        errno = EROFS;
        return -1;
    }
    if (lock_mailbox(mb->fd, F_WRLCK, mb->dotlocker, MBOX_PATIENCE,
                     &dotlocked) < 0)
        return -1;
    int result = mbox_look(mb, &st) < 0 ? -1 : recover_locked(mb, journal);
    int saved = errno;
    unlock_mailbox(mb->fd, mb->dotlocker, dotlocked);
    errno = saved;
    return result;
}

int mbox_recover(struct mailbox *mb)
{
    struct journal journal;
    struct progress pending;

    if (mb->state < 0)
        return 0;
    if (journal_open(&journal, mb->state, mb->record) < 0)
        return nothing_pending(mb);
    int result = journal_load(&journal, &pending);
    if (result == 1)
        result = recover_under_lock(mb, &journal);
    int saved = errno;
    journal_close(&journal);
    errno = saved;
    return result;
}
