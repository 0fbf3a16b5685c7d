/* The progress record. Runs in the keeper, as the user, caged; distrusts what
 * a crash has left of the file. */

#include "spool/journal.h"
#include "base/checksum.h"
#include "base/exact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char magic[8] = "restant2";

enum {
    BLOCK = 64 * 1024,
    HEADERS = 2 * JOURNAL_SLOT
};

static uint64_t payload_at(unsigned slot)
{
    return HEADERS + (uint64_t)slot * JOURNAL_PAYLOAD;
}

static uint64_t check_of(const struct progress *p)
{
    return checksum_of(p, offsetof(struct progress, check));
}

/* The file's name must survive a power cut as well as what is in it. */
static int sync_directory(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return result;
}

/* Fills a new or half-made file up to two void slots. */
static int make_slots(const struct journal *j, off_t size)
{
    static const char empty[HEADERS];

    if (exact_write(j->fd, empty, sizeof empty - (size_t)size, (uint64_t)size) <
            0 ||
        fsync(j->fd) < 0)
        return -1;
    return sync_directory(j->directory);
}

/* The user could have put a FIFO there, for others to wait at. */
static int open_plain(int directory, const char *name, int flags)
{
    struct stat st;
    int fd =
        openat(directory, name,
               flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);

    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

int journal_open(struct journal *j, int directory, const char *name)
{
    *j = (struct journal){.directory = directory, .name = name};
    j->fd = open_plain(directory, name, O_RDWR | O_CREAT);
    if (j->fd < 0)
        return -1;
    off_t size = lseek(j->fd, 0, SEEK_END);
    if (size >= HEADERS || (size >= 0 && make_slots(j, size) == 0))
        return 0;
    int saved = errno;
    journal_close(j);
    errno = saved;
    return -1;
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
}

/* Is the payload of a slot what its header says? 1, 0, or -1 with errno. */
static int is_payload(const struct journal *j, unsigned slot,
                      const struct progress *p)
{
    char block[BLOCK];
    struct checksum check;
    uint64_t left = p->length;

    checksum_start(&check);
    while (left > 0) {
        size_t part = left < BLOCK ? (size_t)left : BLOCK;
        if (exact_read(j->fd, block, part,
                       payload_at(slot) + p->length - left) < 0)
            return errno == ENODATA ? 0 : -1;
        checksum_add(&check, block, part);
        left -= part;
    }
    return checksum_end(&check) == p->content;
}

/* Is what stands in the slot whole? 1, 0, or -1 with errno. */
static int load_slot(const struct journal *j, unsigned slot, struct progress *p)
{
    if (exact_read(j->fd, p, sizeof *p, (uint64_t)slot * JOURNAL_SLOT) < 0)
        return -1;
    if (memcmp(p->magic, magic, sizeof magic) != 0 || p->check != check_of(p))
        return 0;
    if (p->carries == 0)
        return 1;
    return p->length <= JOURNAL_PAYLOAD ? is_payload(j, slot, p) : 0;
}

int journal_load(struct journal *j, struct progress *p)
{
    struct progress slots[2];
    int whole[2] = {0, 0};

    for (unsigned i = 0; i < 2; i++)
        if ((whole[i] = load_slot(j, i, &slots[i])) < 0)
            return -1;
    if (!whole[0] && !whole[1])
        return 0;
    unsigned newest =
        !whole[0] || (whole[1] && slots[1].sequence > slots[0].sequence);
    *p = slots[newest];
    j->sequence = p->sequence;
    j->slot = 1 - newest;
    return p->kind == JOURNAL_MOVE;
}

int journal_pending(int directory, const char *name)
{
    struct journal j = {.directory = directory, .name = name};
    struct progress p;

    j.fd = open_plain(directory, name, O_RDONLY);
    if (j.fd < 0)
        return errno == ENOENT ? 0 : -1;
    int pending = journal_load(&j, &p);
    journal_close(&j);
    return pending;
}

int journal_payload(const struct journal *j, char *to, size_t len,
                    uint64_t offset)
{
    return exact_read(j->fd, to, len, payload_at(1 - j->slot) + offset);
}

/* Where the file system cannot promise room, zeros take it; never where
 * something stands already, which may be a pending payload. */
static int take_room(int fd, uint64_t at, uint64_t end)
{
    static const char zeros[BLOCK];
    off_t size = lseek(fd, 0, SEEK_END);

    if (fallocate(fd, 0, (off_t)at, (off_t)(end - at)) == 0)
        return 0;
    if (errno != EOPNOTSUPP || size < 0)
        return -1;
    if (at < (uint64_t)size)
        at = (uint64_t)size;
    while (at < end) {
        size_t part = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        if (exact_write(fd, zeros, part, at) < 0)
            return -1;
        at += part;
    }
    return fdatasync(fd);
}

int journal_reserve(struct journal *j, uint64_t octets)
{
    if (octets > JOURNAL_PAYLOAD)
        octets = JOURNAL_PAYLOAD;
    for (unsigned slot = 0; slot < 2; slot++) {
        uint64_t at = payload_at(slot);
        if (octets > 0 && take_room(j->fd, at, at + octets) < 0)
            return -1;
    }
    j->reserved = octets;
    return 0;
}

int journal_write(struct journal *j, struct progress *p, const char *payload)
{
    memcpy(p->magic, magic, sizeof magic);
    p->carries = payload != NULL;
    p->sequence = j->sequence + 1;
    p->check = check_of(p);
    if (payload != NULL &&
        exact_write(j->fd, payload, p->length, payload_at(j->slot)) < 0)
        return -1;
    if (exact_write(j->fd, p, sizeof *p, (uint64_t)j->slot * JOURNAL_SLOT) <
            0 ||
        fdatasync(j->fd) < 0)
        return -1;
    j->sequence++;
    j->slot = 1 - j->slot;
    return 0;
}

int journal_done(struct journal *j)
{
    struct progress done = {.kind = JOURNAL_DONE};

    if (journal_write(j, &done, NULL) < 0)
        return -1;
    j->reserved = 0;
    return ftruncate(j->fd, HEADERS);
}

int journal_set_aside(struct journal *j)
{
    char aside[300];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(aside, sizeof aside, "%s.aside.%lld", j->name,
             (long long)now.tv_sec);
    return renameat(j->directory, j->name, j->directory, aside);
}
