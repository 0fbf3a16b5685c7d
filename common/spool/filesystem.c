/* File systems that several hosts share. Runs in keeper and monitor, as the
 * user; the server of such a file system is trusted with the mail anyway. */

#include "spool/filesystem.h"
#include "spool/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static const long shared_file_systems[] = {
    NFS_SUPER_MAGIC,       SMB_SUPER_MAGIC,  0xff534d42 /* CIFS */,
    0xfe534d42 /* SMB2 */, CEPH_SUPER_MAGIC, 0x65735546 /* FUSE */,
    AFS_SUPER_MAGIC,       CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC,
    0x01161970 /* GFS2 */,
};

bool filesystem_is_shared(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return true;
    size_t count = sizeof shared_file_systems / sizeof *shared_file_systems;
    for (size_t i = 0; i < count; i++)
        if ((uint32_t)fs.f_type == (uint32_t)shared_file_systems[i])
            return true;
    return false;
}

static struct timespec time_of(const struct statx_timestamp *t)
{
    return (struct timespec){.tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec};
}

int filesystem_stat(int fd, struct stat *st)
{
    struct statx now;

    if (fstat(fd, st) < 0 ||
        statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
              STATX_SIZE | STATX_MTIME | STATX_CTIME, &now) < 0)
        return -1;
    st->st_size = (off_t)now.stx_size;
    st->st_mtim = time_of(&now.stx_mtime);
    st->st_ctim = time_of(&now.stx_ctime);
    return 0;
}

int filesystem_now(int own, dev_t device, int64_t *now)
{
    struct stat st;

    if (futimens(own, NULL) < 0 || filesystem_stat(own, &st) < 0)
        return -1;
    if (st.st_dev != device) {
        errno = EXDEV;
        return -1;
    }
    *now = snapshot_of(&st).modified;
    return 0;
}
