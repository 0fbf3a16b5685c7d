/* Reading directories in large pieces. Runs in the keeper, as the user, caged;
 * the form of what it reads is the kernel's, the names in it are anybody's. */

#include "base/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BLOCK = 64 * 1024 /* octets read at once */
};

int entries_open(struct entries *e, int fd)
{
    *e = (struct entries){
        .fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (e->fd < 0)
        return -1;
    e->block = malloc(BLOCK);
    if (e->block != NULL)
        return 0;
    close(e->fd);
    errno = ENOMEM;
    return -1;
}

void entries_close(struct entries *e)
{
    int saved = errno;

    close(e->fd);
    free(e->block);
    errno = saved;
}

const struct dirent64 *entries_next(struct entries *e)
{
    if (e->at == e->len) {
        ssize_t len = getdents64(e->fd, (void *)e->block, BLOCK);
        if (len <= 0) {
            errno = len < 0 ? errno : 0;
            return NULL;
        }
        e->at = 0;
        e->len = (size_t)len;
    }
    const struct dirent64 *entry = (const void *)(e->block + e->at);
    e->at += entry->d_reclen;
    return entry;
}
