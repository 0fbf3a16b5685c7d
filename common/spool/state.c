/*
 * The state directory. state_make() runs in the monitor, as root where that is
 * what started it, with a checked user name; the rest in the keeper, as the
 * user.
 */

#include "spool/state.h"
#include "base/exact.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <md5.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_root(const char *root)
{
    return open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Makes the missing directories of a path, as mkdir -p. */
static int make_path(const char *path, mode_t mode)
{
    char part[PATH_MAX];

    for (size_t i = 1; i < sizeof part; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, path[i] == '\0' ? mode : 0755) < 0 && errno != EEXIST)
            return -1;
        if (path[i] == '\0')
            return 0;
    }
    errno = ENAMETOOLONG;
    return -1;
}

/* ROOT itself is made once in a system's life, with the group's identity so
 * that it needs no CAP_CHOWN. */
static int make_root(const char *root, gid_t room_group)
{
    mode_t before = umask(0);
    gid_t own = getegid();
    int result = setegid(room_group);

    if (result == 0)
        result = make_path(root, geteuid() == 0 ? 0771 : 0700);
    int saved = errno;
    umask(before);
    if (setegid(own) < 0)
        return -1;
    errno = saved;
    return result;
}

/* mkdir as the user, who may write to ROOT through the room group alone. */
static int make_entry_as(int root, const char *user, uid_t uid, gid_t gid,
                         gid_t room_group)
{
    gid_t own = getegid();

    if (setgroups(1, &room_group) < 0 || setegid(gid) < 0 || seteuid(uid) < 0)
        return -1;
    int result = mkdirat(root, user, 0700);
    int saved = errno;
    if (seteuid(0) < 0 || setegid(own) < 0 || setgroups(0, NULL) < 0)
        return -1;
    errno = saved;
    return result;
}

/* A ROOT that the administrator made otherwise: root can still give the entry
 * away where it has the capability. */
static int make_entry_for(int root, const char *user, uid_t uid, gid_t gid)
{
    if (mkdirat(root, user, 0700) < 0)
        return -1;
    if (fchownat(root, user, uid, gid, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int saved = errno;
    unlinkat(root, user, AT_REMOVEDIR);
    errno = saved;
    return -1;
}

/* A record in the entry is mail and its name is synced: so is the entry's, as
 * far as ROOT may be read. */
static void sync_names(int root)
{
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static int make_entry(int root, const char *user, uid_t uid, gid_t gid,
                      gid_t room_group)
{
    struct stat st;

    if (fstatat(root, user, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int result = geteuid() != 0
                     ? mkdirat(root, user, 0700)
                     : make_entry_as(root, user, uid, gid, room_group);
    if (result < 0 && errno == EACCES && geteuid() == 0)
        result = make_entry_for(root, user, uid, gid);
    if (result < 0)
        return errno == EEXIST ? 0 : -1;
    sync_names(root);
    return 0;
}

int state_make(const char *root, const char *user, uid_t uid, gid_t gid,
               gid_t room_group)
{
    int fd = open_root(root);

    if (fd < 0 && errno == ENOENT) {
        if (make_root(root, room_group) < 0)
            return -1;
        fd = open_root(root);
    }
    if (fd < 0)
        return -1;
    int result = make_entry(fd, user, uid, gid, room_group);
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

int state_open(const char *root, const char *user)
{
    struct stat st;
    int top = open_root(root);

    if (top < 0)
        return -1;
    int fd = openat(top, user, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int saved = errno;
    close(top);
    errno = saved;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
        (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

void state_file_name(const char *directory, const char *name,
                     const char *suffix, char *file)
{
    char path[PATH_MAX + 256];
    uint8_t digest[MD5_DIGEST_LENGTH];
    MD5_CTX md5;

    int len = snprintf(path, sizeof path, "%s/%s", directory, name);
    MD5Init(&md5);
    MD5Update(&md5, (const uint8_t *)path, (size_t)len);
    MD5Final(digest, &md5);
    for (size_t i = 0; i < 12; i++)
        sprintf(file + 2 * i, "%02x", digest[i]);
    snprintf(file + 24, STATE_NAME - 24, ".%s", suffix);
}

void state_note(int directory, const char *name, const char *text)
{
    int fd = openat(directory, name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    if (exact_write(fd, text, strlen(text), 0) < 0 || fsync(fd) < 0)
        unlinkat(directory, name, 0);
    close(fd);
}

int state_read_note(int directory, const char *name, char *text, size_t size)
{
    int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : pread(fd, text, size - 1, 0);
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
    if (len < 0)
        return -1;
    text[len] = '\0';
    return 0;
}
