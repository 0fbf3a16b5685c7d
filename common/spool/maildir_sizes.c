/* The file of sizes: what was measured once needs no second look. Runs in the
 * keeper, as the user, caged; distrusts the file, which can make sizes wrong
 * (found out when the message is fetched) but nothing worse. */

#include "base/checksum.h"
#include "base/exact.h"
#include "spool/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MOST = 1 << 30 /* octets */
};

struct header {
    char magic[8];
    uint64_t count;
    uint64_t check; /* of the sizes */
};

static const char magic[8] = "restsiz1";

uint64_t maildir_key(const char *base, size_t len)
{
    return checksum_of(base, len);
}

bool maildir_sizes_ok(const void *octets, size_t len)
{
    struct header h;

    if (len < sizeof h)
        return false;
    memcpy(&h, octets, sizeof h);
    size_t size = len - sizeof h;
    return memcmp(h.magic, magic, sizeof magic) == 0 &&
           size % sizeof(struct maildir_size) == 0 &&
           h.count == size / sizeof(struct maildir_size) &&
           h.check == checksum_of((const char *)octets + sizeof h, size);
}

/* Returns memory that holds the file, or NULL. */
static char *read_whole(int directory, const char *name, size_t *len)
{
    struct stat st;
    char *octets = NULL;
    int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        st.st_size <= FILE_MOST)
        octets = malloc((size_t)st.st_size);
    if (octets != NULL && exact_read(fd, octets, (size_t)st.st_size, 0) < 0) {
        free(octets);
        octets = NULL;
    }
    close(fd);
    *len = octets != NULL ? (size_t)st.st_size : 0;
    return octets;
}

void maildir_sizes_load(struct maildir_sizes *s, int directory,
                        const char *name)
{
    size_t len;
    char *octets = directory < 0 ? NULL : read_whole(directory, name, &len);

    *s = (struct maildir_sizes){NULL, 0};
    if (octets != NULL && maildir_sizes_ok(octets, len)) {
        len -= sizeof(struct header);
        memmove(octets, octets + sizeof(struct header), len);
        s->sizes = (struct maildir_size *)(void *)octets;
        s->count = len / sizeof *s->sizes;
        return;
    }
    free(octets);
}

void maildir_sizes_free(struct maildir_sizes *s)
{
    free(s->sizes);
    *s = (struct maildir_sizes){NULL, 0};
}

static int by_key(const void *a, const void *b)
{
    const struct maildir_size *x = a, *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

/* Keys are checksums and so lie evenly: near what this returns. count > 0. */
static uint64_t guess(uint64_t key, uint64_t count)
{
    return (key >> 32) * count >> 32;
}

/* Steps away from a guess, each twice as long as the one before, find a short
 * stretch to bisect: most of the file is never touched. */
const struct maildir_size *maildir_sizes_find(const struct maildir_sizes *s,
                                              uint64_t key)
{
    struct maildir_size wanted = {.key = key};
    uint64_t low, high, step = 1;

    if (s->count == 0)
        return NULL;
    low = high = guess(key, s->count);
    for (; low > 0 && s->sizes[low].key > key; step *= 2)
        low -= step < low ? step : low;
    for (; high < s->count && s->sizes[high].key <= key; step *= 2)
        high += step < s->count - high ? step : s->count - high;
    return bsearch(&wanted, s->sizes + low, high - low, sizeof wanted, by_key);
}

/* A new file takes the old one's place at once, or not at all. */
void maildir_sizes_save(struct maildir_sizes *s, int directory,
                        const char *name)
{
    size_t len = s->count * sizeof *s->sizes;
    struct header h = {.count = s->count};
    char fresh[128];

    if (directory < 0)
        return;
    if (s->count > 0)
        qsort(s->sizes, s->count, sizeof *s->sizes, by_key);
    memcpy(h.magic, magic, sizeof magic);
    h.check = checksum_of(s->sizes, len);
    snprintf(fresh, sizeof fresh, "%s.fresh", name);
    int fd = openat(directory, fresh,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK |
                        O_CLOEXEC,
                    0600);
    if (fd < 0)
        return;
    bool whole = exact_write(fd, &h, sizeof h, 0) == 0 &&
                 exact_write(fd, s->sizes, len, sizeof h) == 0;
    close(fd);
    if (!whole || renameat(directory, fresh, directory, name) < 0)
        unlinkat(directory, fresh, 0);
}
