/* The table of messages. Written in the keeper, as the user; read in front,
 * which distrusts it. */

#include "spool/table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL
};

int table_write_start(struct table_writer *w)
{
    w->size = 0;
    w->held = 0;
    w->fd = memfd_create("maildrop", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return w->fd < 0 ? -1 : 0;
}

static int write_held(struct table_writer *w)
{
    uint32_t done = 0;

    while (done < w->held) {
        ssize_t n = write(w->fd, w->buffer + done, w->held - done);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            done += (uint32_t)n;
    }
    w->size += w->held;
    w->held = 0;
    return 0;
}

int table_write(struct table_writer *w, const void *slot, uint32_t size)
{
    if (w->held + size > sizeof w->buffer && write_held(w) < 0)
        return -1;
    memcpy(w->buffer + w->held, slot, size);
    w->held += size;
    return 0;
}

int table_write_again(struct table_writer *w)
{
    w->size = 0;
    w->held = 0;
    return ftruncate(w->fd, 0) < 0 || lseek(w->fd, 0, SEEK_SET) < 0 ? -1 : 0;
}

int table_write_end(struct table_writer *w)
{
    if (write_held(w) < 0 || fcntl(w->fd, F_ADD_SEALS, SEALS) < 0) {
        table_write_drop(w);
        return -1;
    }
    return w->fd;
}

void table_write_drop(struct table_writer *w)
{
    int saved = errno;

    close(w->fd);
    w->fd = -1;
    errno = saved;
}

int table_map_slots(int fd, uint64_t count, uint32_t size, const void **mapping)
{
    struct stat st;

    *mapping = NULL;
    if (count == 0)
        return 0;
    if (fstat(fd, &st) < 0)
        return -1;
    if (count > INT64_MAX / size || (uint64_t)st.st_size != count * size ||
        fcntl(fd, F_GET_SEALS) != SEALS) {
        errno = EINVAL;
        return -1;
    }
    void *at = mmap(NULL, count * size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return -1;
    *mapping = at;
    return 0;
}

static int sum_up(struct table *table)
{
    for (uint64_t i = 0; i < table->count; i++) {
        const struct message *m = &table->messages[i];
        if (m->start > INT64_MAX / 4 || m->length > INT64_MAX / 4 ||
            m->wire > INT64_MAX / 4 || table->octets > INT64_MAX / 4) {
            errno = EINVAL;
            return -1;
        }
        table->octets += m->wire;
    }
    return 0;
}

int table_map(int fd, uint64_t count, struct table *table)
{
    const void *mapping;

    if (table_map_slots(fd, count, sizeof(struct message), &mapping) < 0)
        return -1;
    *table = (struct table){.messages = mapping, .count = count};
    if (sum_up(table) < 0) {
        table_unmap(table);
        return -1;
    }
    return 0;
}

void table_unmap_slots(const void *mapping, uint64_t count, uint32_t size)
{
    if (mapping != NULL)
        munmap((void *)(uintptr_t)mapping, count * size);
}

void table_unmap(struct table *table)
{
    table_unmap_slots(table->messages, table->count, sizeof(struct message));
    *table = (struct table){0};
}
