/* Dotlocks. Runs in the monitor after the login, as the user with the spool's
 * group, inside a Landlock that knows only the spool directory, and for folders
 * in the keeper; distrusts what stands in other people's lock files. */

#include "spool/dotlock.h"
#include "base/slice.h"
#include "spool/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What tells this boot from others, and this count of processes from those of
 * containers: "BOOT/PIDS"; "" where /proc does not say. */
static void read_boot(char *boot, size_t size)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, boot, size - 1);
    struct stat pids;

    if (fd >= 0)
        close(fd);
    boot[len > 0 ? len : 0] = '\0';
    size_t end = strcspn(boot, "\n");
    boot[end] = '\0';
    if (end > 0 && stat("/proc/self/ns/pid", &pids) == 0)
        snprintf(boot + end, size - end, "/%lu", (unsigned long)pids.st_ino);
}

static int write_lock_name(const char *mailbox, char *name, size_t size)
{
    int len = snprintf(name, size, "%s.lock", mailbox);

    if (len > 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

bool dotlock_is_absent(int directory, const char *name)
{
    char lock[sizeof((struct dotlock_names *)NULL)->lock];
    struct stat st;

    return write_lock_name(name, lock, sizeof lock) == 0 &&
           fstatat(directory, lock, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
           errno == ENOENT;
}

static int write_names(struct dotlock_names *names, const char *mailbox)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(names->ticket, sizeof names->ticket, ".lk%ld.%lx.%lx",
             (long)getpid(), (long)now.tv_sec, now.tv_nsec);
    snprintf(names->aside, sizeof names->aside, "%s.old", names->ticket);
    return write_lock_name(mailbox, names->lock, sizeof names->lock);
}

/* A page of their own, read-only from now on. NULL with errno. */
static const struct dotlock_names *make_names(const char *mailbox)
{
    struct dotlock_names *names =
        mmap(NULL, sizeof *names, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (names == MAP_FAILED)
        return NULL;
    if (write_names(names, mailbox) == 0 &&
        mprotect(names, sizeof *names, PROT_READ) == 0)
        return names;
    munmap(names, sizeof *names);
    return NULL;
}

void dotlock_learn(struct dotlock *d)
{
    *d = (struct dotlock){.directory = -1, .fd = -1};
    read_boot(d->boot, sizeof d->boot);
    if (gethostname(d->host, sizeof d->host - 1) < 0 || d->host[0] == '\0')
        strcpy(d->host, "localhost");
}

int dotlock_aim(struct dotlock *d, int directory, const char *name)
{
    if (d->names != NULL)
        munmap((void *)(uintptr_t)d->names, sizeof *d->names);
    d->directory = directory;
    d->local = !filesystem_is_shared(directory);
    d->names = make_names(name);
    return d->names == NULL ? -1 : 0;
}

int dotlock_prepare(struct dotlock *d, int directory, const char *name)
{
    dotlock_learn(d);
    return dotlock_aim(d, directory, name);
}

/* Makes a file of our own with pid and host in it. Returns its descriptor, or
 * -1 with errno. */
static int make_ticket(const struct dotlock *d)
{
    const char *name = d->names->ticket;
    char text[DOTLOCK_TEXT];
    int len = snprintf(text, sizeof text, "%ld\n%s\n%s\n", (long)getpid(),
                       d->host, d->boot);
    int fd = openat(d->directory, name,
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, (size_t)len);
    if (n != len) {
        int saved = n < 0 ? errno : ENOSPC;
        unlinkat(d->directory, name, 0);
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* Is the process that wrote the lock known to be dead? Only a lock that names
 * this host can tell; one of another boot is, whoever has its pid now; of one
 * from another container nothing is known; kill's EPERM means alive. */
static bool holder_is_dead(const struct dotlock *d, int fd)
{
    char text[DOTLOCK_TEXT];
    ssize_t len = d->local ? pread(fd, text, sizeof text - 1, 0) : -1;

    if (len <= 0)
        return false;
    text[len] = '\0';
    char *end, *rest;
    long pid = strtol(text, &end, 10);
    const char *host = strtok_r(end, "\n", &rest);
    const char *boot = strtok_r(NULL, "\n", &rest);
    if (pid <= 1 || host == NULL || strcmp(host, d->host) != 0)
        return false;
    if (boot != NULL && d->boot[0] != '\0' && strcmp(boot, d->boot) != 0)
        return strncmp(boot, d->boot, strcspn(d->boot, "/")) != 0;
    return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* The file system's own clock: the time of a file just written there. */
static bool is_old(const struct stat *lock, int ticket)
{
    struct stat now;

    return fstat(ticket, &now) == 0 &&
           now.st_mtime - lock->st_mtime >= DOTLOCK_STALE_SECONDS;
}

/* Moves the lock away and looks again: what came with the name must be what
 * was judged. A live lock caught by mistake is put back. */
static int move_away(const struct dotlock *d, const struct stat *judged)
{
    const char *aside = d->names->aside, *lock = d->names->lock;
    struct stat st;

    if (renameat(d->directory, lock, d->directory, aside) < 0)
        return -1;
    bool same = fstatat(d->directory, aside, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                st.st_ino == judged->st_ino && st.st_dev == judged->st_dev;
    if (!same && linkat(d->directory, aside, d->directory, lock, 0) < 0 &&
        errno != EEXIST)
        return -1; /* better under another name than gone */
    unlinkat(d->directory, aside, 0);
    return same ? 0 : -1;
}

/* Breaks the lock in our way if it is stale. Returns whether another try makes
 * sense. */
static bool break_stale(const struct dotlock *d, int ticket)
{
    struct stat st;
    int fd = openat(d->directory, d->names->lock,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) /* gone meanwhile, or not ours to read: judge it by age */
        return fstatat(d->directory, d->names->lock, &st, AT_SYMLINK_NOFOLLOW) <
                       0
                   ? errno == ENOENT
                   : is_old(&st, ticket) && move_away(d, &st) == 0;
    bool stale = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                 (is_old(&st, ticket) || holder_is_dead(d, fd));
    close(fd);
    return stale && move_away(d, &st) == 0;
}

/* link(2) may have worked although its answer was lost (NFS): what counts is
 * whose file has the name. Returns 0 or an errno value. */
static int link_ticket(const struct dotlock *d, int ticket)
{
    struct stat ours, named;

    if (linkat(d->directory, d->names->ticket, d->directory, d->names->lock,
               0) == 0)
        return 0;
    int reason = errno;
    bool worked = fstat(ticket, &ours) == 0 &&
                  fstatat(d->directory, d->names->lock, &named,
                          AT_SYMLINK_NOFOLLOW) == 0 &&
                  ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
    return worked ? 0 : reason;
}

int dotlock_try(struct dotlock *d)
{
    int ticket = make_ticket(d);
    if (ticket < 0)
        return -1;
    int reason = link_ticket(d, ticket);
    if (reason == EEXIST && break_stale(d, ticket))
        reason = link_ticket(d, ticket);
    unlinkat(d->directory, d->names->ticket, 0);
    if (reason == 0) {
        d->fd = ticket;
        return 0;
    }
    close(ticket);
    errno = reason;
    return -1;
}

void dotlock_refresh(const struct dotlock *d)
{
    if (d->fd >= 0)
        futimens(d->fd, NULL);
}

void dotlock_release(struct dotlock *d)
{
    struct stat ours, named;

    if (d->fd < 0)
        return;
    if (fstat(d->fd, &ours) == 0 &&
        fstatat(d->directory, d->names->lock, &named, AT_SYMLINK_NOFOLLOW) ==
            0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
        unlinkat(d->directory, d->names->lock, 0);
    close(d->fd);
    d->fd = -1;
}
