/*
 * The calls that change files, between the spool and the kernel (the linker's
 * --wrap): each is counted, and one of them killed at, refused or shortened;
 * or all are recorded.
 */

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct shared *shared;

ssize_t __real_pwrite(int fd, const void *from, size_t len, off_t at);
int __real_ftruncate(int fd, off_t size);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_fallocate(int fd, int mode, off_t at, off_t len);
int __real_openat(int directory, const char *name, int flags, ...);
int __real_unlinkat(int directory, const char *name, int flags);
int __real_linkat(int from, const char *name, int to, const char *other,
                  int flags);
int __real_renameat(int from, const char *name, int to, const char *other);
int __real_renameat2(int from, const char *name, int to, const char *other,
                     unsigned flags);
ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fallocate(int fd, int mode, off_t at, off_t len);
int __wrap_openat(int directory, const char *name, int flags, ...);
int __wrap_unlinkat(int directory, const char *name, int flags);
int __wrap_linkat(int from, const char *name, int to, const char *other,
                  int flags);
int __wrap_renameat(int from, const char *name, int to, const char *other);
int __wrap_renameat2(int from, const char *name, int to, const char *other,
                     unsigned flags);

/* ---- recording ---- */

static ino_t inode_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* The file with that inode that came last, or -1. */
static int file_of(ino_t inode)
{
    for (int i = (int)shared->files - 1; i >= 0; i--)
        if (shared->file[i] == inode)
            return i;
    return -1;
}

static int directory_of(int fd)
{
    ino_t inode = inode_of(fd);

    for (int i = 0; i < DIRECTORIES; i++)
        if (inode != 0 && shared->directory[i] == inode)
            return i;
    return -1;
}

static uint64_t keep(const void *octets, uint64_t len)
{
    uint64_t at = shared->data_len;

    if (at + len > DATA_MOST)
        abort();
    if (len > 0)
        memcpy(shared->data + at, octets, len);
    shared->data_len += len;
    return at;
}

static void note(struct op op)
{
    if (shared->ops == OPS_MOST)
        abort();
    shared->op[shared->ops++] = op;
}

static void note_file(enum op_kind kind, int fd, uint64_t at, const void *from,
                      uint64_t len)
{
    int file = shared->recording ? file_of(inode_of(fd)) : -1;

    if (file >= 0)
        note((struct op){.kind = kind,
                         .object = (unsigned)file,
                         .at = at,
                         .len = len,
                         .data = keep(from, from == NULL ? 0 : len)});
}

static void note_sync(int fd)
{
    int directory = shared->recording ? directory_of(fd) : -1;

    if (directory < 0)
        note_file(OP_SYNC, fd, 0, NULL, 0);
    else if (!shared->no_sync[directory])
        note((struct op){.kind = OP_SYNC_DIRECTORY,
                         .object = (unsigned)directory});
}

/* A name in a directory, and perhaps another in another. */
static void note_name(enum op_kind kind, int fd, const char *name,
                      unsigned other, const char *other_name)
{
    int directory = shared->recording ? directory_of(fd) : -1;

    if (directory < 0)
        return;
    uint64_t data = keep(name, strlen(name) + 1);
    if (other_name != NULL)
        keep(other_name, strlen(other_name) + 1);
    note((struct op){.kind = kind,
                     .object = (unsigned)directory,
                     .other = other,
                     .data = data});
}

static void note_birth(int directory, const char *name, int fd)
{
    if (!shared->recording || directory_of(directory) < 0)
        return;
    if (shared->files == FILES_MOST)
        abort();
    shared->file[shared->files] = inode_of(fd);
    note_name(OP_ENTER, directory, name, shared->files++, NULL);
}

static void note_rename(int from, const char *name, int to, const char *other)
{
    int there = directory_of(to);

    if (there >= 0)
        note_name(OP_RENAME, from, name, (unsigned)there, other);
}

/* ---- faults ---- */

static void die_all(void)
{
    if (getpgrp() != getpid())
        kill(0, SIGKILL); /* the session's whole process group */
    kill(getpid(), SIGKILL);
}

/* Is this call the one to be hit? Kills are done here; a failure is left to
 * the caller. */
static bool hit(void)
{
    if (++shared->calls != shared->fault_at)
        return false;
    if (shared->fault == KILL_BEFORE)
        die_all();
    if (shared->fault == KILL_CHILD)
        kill(getpid(), SIGKILL);
    return true;
}

static int error_of(enum fault fault)
{
    return fault == FAIL_ENOSPC ? ENOSPC : fault == FAIL_EINTR ? EINTR : EIO;
}

static bool is_error(enum fault fault)
{
    return fault == FAIL_EIO || fault == FAIL_ENOSPC || fault == FAIL_EINTR;
}

/* Of a call that cannot be done in part: is it refused? *last: it is the last
 * that is done. */
static bool refused(bool *last)
{
    bool here = hit();

    *last = here && shared->fault == KILL_HALF;
    if (!here || !is_error(shared->fault))
        return false;
    errno = error_of(shared->fault);
    return true;
}

static int done(int result, bool last)
{
    if (last)
        die_all();
    return result;
}

/* ---- the calls ---- */

ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at)
{
    if (shared->no_record && len >= 8 && memcmp(from, "restant2", 8) == 0)
        return (ssize_t)len;
    if (hit()) {
        if (shared->fault == KILL_HALF || shared->fault == FAIL_SHORT)
            len = (len + 1) / 2;
        if (shared->fault == KILL_HALF) {
            if (__real_pwrite(fd, from, len, at) < 0)
                abort();
            die_all();
        }
        if (shared->fault != FAIL_SHORT) {
            errno = error_of(shared->fault);
            return -1;
        }
    }
    note_file(OP_WRITE, fd, (uint64_t)at, from, len);
    return __real_pwrite(fd, from, len, at);
}

static int sync_or_fail(int (*call)(int), int fd)
{
    if (hit() && is_error(shared->fault) && shared->fault != FAIL_EINTR) {
        errno = error_of(shared->fault);
        return -1;
    }
    note_sync(fd);
    return call(fd);
}

int __wrap_fsync(int fd)
{
    return sync_or_fail(__real_fsync, fd);
}

int __wrap_fdatasync(int fd)
{
    return sync_or_fail(__real_fdatasync, fd);
}

int __wrap_ftruncate(int fd, off_t size)
{
    if (hit() && (shared->fault == FAIL_EIO || shared->fault == FAIL_ENOSPC)) {
        errno = EIO;
        return -1;
    }
    note_file(OP_SIZE, fd, (uint64_t)size, NULL, 0);
    return __real_ftruncate(fd, size);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t len)
{
    struct stat st;

    if (shared->full_disk || shared->no_fallocate) {
        errno = shared->full_disk ? ENOSPC : EOPNOTSUPP;
        return -1;
    }
    if (hit() && (shared->fault == FAIL_EIO || shared->fault == FAIL_ENOSPC)) {
        errno = error_of(shared->fault);
        return -1;
    }
    int result = __real_fallocate(fd, mode, at, len);
    if (result == 0 && fstat(fd, &st) == 0)
        note_file(OP_SIZE, fd, (uint64_t)st.st_size, NULL, 0);
    return result;
}

/* Opening changes something where it makes the file. */
int __wrap_openat(int directory, const char *name, int flags, ...)
{
    struct stat st;
    va_list more;
    bool last;

    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    if ((flags & O_CREAT) == 0)
        return __real_openat(directory, name, flags);
    if (refused(&last))
        return -1;
    bool there = fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = __real_openat(directory, name, flags, mode);
    if (fd >= 0 && !there)
        note_birth(directory, name, fd);
    else if (fd >= 0 && (flags & O_TRUNC) != 0)
        note_file(OP_SIZE, fd, 0, NULL, 0);
    return done(fd, last);
}

int __wrap_unlinkat(int directory, const char *name, int flags)
{
    bool last;

    if (refused(&last))
        return -1;
    int result = __real_unlinkat(directory, name, flags);
    if (result == 0)
        note_name(OP_REMOVE, directory, name, 0, NULL);
    return done(result, last);
}

int __wrap_linkat(int from, const char *name, int to, const char *other,
                  int flags)
{
    struct stat st;
    bool last;

    if (refused(&last))
        return -1;
    int result = __real_linkat(from, name, to, other, flags);
    if (result == 0 && fstatat(to, other, &st, AT_SYMLINK_NOFOLLOW) == 0)
        note_name(OP_ENTER, to, other, (unsigned)file_of(st.st_ino), NULL);
    return done(result, last);
}

int __wrap_renameat(int from, const char *name, int to, const char *other)
{
    bool last;

    if (refused(&last))
        return -1;
    int result = __real_renameat(from, name, to, other);
    if (result == 0)
        note_rename(from, name, to, other);
    return done(result, last);
}

int __wrap_renameat2(int from, const char *name, int to, const char *other,
                     unsigned flags)
{
    bool last;

    if (shared->no_replace && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    if (refused(&last))
        return -1;
    int result = __real_renameat2(from, name, to, other, flags);
    if (result == 0)
        note_rename(from, name, to, other);
    return done(result, last);
}
