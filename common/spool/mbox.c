/*
 * The mbox format: safe opening, confirming a message.
 * Runs in the keeper, as the user, caged; distrusts the mailbox and everybody
 * who writes to it.
 */

#include "spool/mbox.h"
#include "spool/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

int mbox_look(const struct mailbox *mb, struct stat *st)
{
    struct stat ours;

    if (!mb->shared)
        return fstat(mb->fd, st);
    if (fstat(mb->fd, &ours) < 0)
        return -1;
    int fd = open_checked(mb, O_RDONLY, st);
    if (fd < 0) {
        errno = errno == ENOENT ? ESTALE : errno;
        return -1;
    }
    bool same = ours.st_ino == st->st_ino && ours.st_dev == st->st_dev;
    int result = same ? filesystem_stat(fd, st) : -1;
    int saved = same ? errno : ESTALE;
    close(fd);
    errno = saved;
    return result;
}

/* Where front cannot tell, the usual answer is that nobody wrote to it. */
static int confirm_locked(const struct mailbox *mb, const struct message *m)
{
    struct snapshot now;
    struct stat st;

    if (mbox_look(mb, &st) < 0)
        return -1;
    now = snapshot_of(&st);
    if (mb->shared && mb->settled && snapshot_same(&now, &mb->seen))
        return 0;
    return mbox_verify(mb, now.size, &(struct table){.messages = m, .count = 1},
                       0, NULL);
}

static int mbox_confirm(struct mailbox *mb, const struct message *m)
{
    if (lock_fcntl_within(mb->fd, F_RDLCK, MBOX_PATIENCE) < 0)
        return -1;
    int result = confirm_locked(mb, m);
    int saved = errno;
    lock_fcntl(mb->fd, F_UNLCK);
    if (result < 0)
        mbox_forget(mb);
    errno = saved;
    return result;
}

const struct mailbox_format mbox_format = {
    .name = "mbox",
    .open = mbox_open,
    .recover = mbox_recover,
    .recall = mbox_recall,
    .scan = mbox_scan,
    .identify = mbox_identify,
    .confirm = mbox_confirm,
    .reader = mbox_reader,
    .update = mbox_remove,
};
