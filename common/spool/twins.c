/* Ordinals of identical copies. Runs in the keeper, as the user, caged;
 * distrusts the file, which can make numbers odd but nothing worse. */

#include "spool/twins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MOST = 16 * 1024 * 1024
};

/* One copy, in the file. order is that of the mailbox. */
struct entry {
    uint64_t id;
    uint32_t twin, next;
    uint64_t order;
};

struct memory {
    struct entry *entries;
    size_t count;
};

static struct memory load(int directory, const char *name)
{
    struct memory m = {NULL, 0};
    struct stat st;
    int fd = directory < 0
                 ? -1
                 : openat(directory, name,
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return m;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= FILE_MOST)
        m.entries = malloc((size_t)st.st_size);
    ssize_t len =
        m.entries == NULL ? 0 : pread(fd, m.entries, (size_t)st.st_size, 0);
    close(fd);
    m.count = len > 0 ? (size_t)len / sizeof *m.entries : 0;
    return m;
}

static int by_id_then_index(const void *a, const void *b)
{
    const struct identity *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static int by_index(const void *a, const void *b)
{
    const struct identity *x = a, *y = b;

    return x->index < y->index ? -1 : 1;
}

static int by_id_then_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* A copy that was there keeps its ordinal; the others get new ones. */
static void number_group(struct identity *group, size_t size,
                         const struct entry *known, size_t known_size)
{
    uint32_t next = 0;

    if (size == 1 && known_size == 0)
        return; /* it has no copy and never had one */
    for (size_t i = 0; i < known_size; i++) {
        if (i < size)
            group[i].twin = known[i].twin;
        if (known[i].next > next)
            next = known[i].next;
    }
    for (size_t i = known_size; i < size; i++)
        group[i].twin = next++;
    for (size_t i = 0; i < size; i++)
        group[i].next = next;
}

/* Both sorted by id, the groups of one are met by those of the other. */
static void number_groups(struct identity *all, uint64_t count,
                          const struct memory *m)
{
    size_t known = 0;

    for (uint64_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && all[end].id == all[i].id;)
            end++;
        while (known < m->count && m->entries[known].id < all[i].id)
            known++;
        size_t known_end = known;
        while (known_end < m->count && m->entries[known_end].id == all[i].id)
            known_end++;
        number_group(&all[i], end - i,
                     known < known_end ? &m->entries[known] : NULL,
                     known_end - known);
        known = known_end;
    }
}

void twins_number(struct identity *all, uint64_t count, int directory,
                  const char *name)
{
    struct memory m = load(directory, name);

    if (m.count > 0)
        qsort(m.entries, m.count, sizeof *m.entries, by_id_then_order);
    qsort(all, count, sizeof *all, by_id_then_index);
    number_groups(all, count, &m);
    qsort(all, count, sizeof *all, by_index);
    free(m.entries);
}

static size_t collect(const struct identity *all, uint64_t count,
                      const struct marks *doomed, struct entry *entries)
{
    size_t kept = 0;

    for (uint64_t i = 0; i < count; i++) {
        if (all[i].next == 0 || (doomed != NULL && marks_has(doomed, i)))
            continue;
        if (entries != NULL)
            entries[kept] =
                (struct entry){all[i].id, all[i].twin, all[i].next, kept};
        kept++;
    }
    return kept;
}

static bool is_same(const struct memory *a, const struct memory *b)
{
    return a->count == b->count &&
           (a->count == 0 ||
            memcmp(a->entries, b->entries, a->count * sizeof *a->entries) == 0);
}

/* A new file takes the old one's place at once, or not at all. */
static void replace(const struct memory *m, int directory, const char *name)
{
    char fresh[128];
    size_t size = m->count * sizeof *m->entries;

    snprintf(fresh, sizeof fresh, "%s.new", name);
    if (m->count == 0) {
        unlinkat(directory, name, 0);
        return;
    }
    int fd = openat(directory, fresh,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK |
                        O_CLOEXEC,
                    0600);
    if (fd < 0)
        return;
    bool whole = pwrite(fd, m->entries, size, 0) == (ssize_t)size;
    close(fd);
    if (!whole || renameat(directory, fresh, directory, name) < 0)
        unlinkat(directory, fresh, 0);
}

void twins_remember(const struct identity *all, uint64_t count,
                    const struct marks *doomed, int directory, const char *name)
{
    struct memory now = {NULL, collect(all, count, doomed, NULL)};
    struct memory before = load(directory, name);

    now.entries = calloc(now.count + 1, sizeof *now.entries);
    if (directory >= 0 && now.entries != NULL) {
        collect(all, count, doomed, now.entries);
        if (!is_same(&now, &before))
            replace(&now, directory, name);
    }
    free(now.entries);
    free(before.entries);
}

bool twins_exist(int directory, const char *name)
{
    struct stat st;

    return directory >= 0 &&
           fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
