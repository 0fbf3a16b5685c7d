#ifndef SPOOL_SNAPSHOT_H
#define SPOOL_SNAPSHOT_H

/* What fstat(2) said of a mailbox: equal snapshots mean that nobody wrote to
 * it, unless it was written within the last moments (see racy). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct snapshot {
    uint64_t device, inode;
    uint64_t size;             /* octets */
    int64_t modified, changed; /* mtime, ctime: nanoseconds */
};

static inline struct snapshot snapshot_of(const struct stat *st)
{
    return (struct snapshot){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .modified = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .changed = st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
    };
}

static inline bool snapshot_same(const struct snapshot *a,
                                 const struct snapshot *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified == b->modified &&
           a->changed == b->changed;
}

#endif
