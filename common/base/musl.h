#ifndef BASE_MUSL_H
#define BASE_MUSL_H

/*
 * Calls of Linux that musl does not name (1.2.3). The static build has every
 * file begin with this one (-include); no file asks for it.
 */

#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RENAME_NOREPLACE (1 << 0)

static inline int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int renameat2(int from, const char *name, int to,
                            const char *new_name, unsigned flags)
{
    return (int)syscall(SYS_renameat2, from, name, to, new_name, flags);
}

static inline int statx(int directory, const char *name, int flags,
                        unsigned mask, struct statx *is)
{
    return (int)syscall(SYS_statx, directory, name, flags, mask, is);
}

#endif
