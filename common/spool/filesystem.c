/* File systems that several hosts share. Runs in keeper and monitor, as the
 * user; the server of such a file system is trusted with the mail anyway. */

#include "spool/filesystem.h"
#include "spool/snapshot.h"

#include <errno.h>
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

int filesystem_now(int own, dev_t device, int64_t *now)
{
    struct stat st;

    if (futimens(own, NULL) < 0 || fstat(own, &st) < 0)
        return -1;
    if (st.st_dev != device) {
        errno = EXDEV;
        return -1;
    }
    *now = snapshot_of(&st).modified;
    return 0;
}
