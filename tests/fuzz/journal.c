/*
 * The progress record against a mailbox: whatever a crash or an attacker left
 * of the two, recovery ends, and a mailbox that it does not finish it does not
 * touch.
 */

#include "spool/mover.h"
#include "target.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAIL_MOST = 16384
};

struct place_of_work {
    int directory, mail;
    char path[64];
};

static struct place_of_work place_of_work = {.directory = -1};

static void clear(void)
{
    unlinkat(place_of_work.directory, "record", 0);
    rmdir(place_of_work.path);
}

static struct place_of_work *work(void)
{
    struct place_of_work *w = &place_of_work;

    if (w->directory >= 0)
        return w;
    strcpy(w->path, "/tmp/restante-fuzz-XXXXXX");
    MUST(mkdtemp(w->path) != NULL);
    w->directory = open(w->path, O_RDONLY | O_DIRECTORY);
    w->mail = memfd_create("mail", 0);
    MUST(w->directory >= 0 && w->mail >= 0 && atexit(clear) == 0);
    return w;
}

static void write_all(int fd, const void *from, size_t len)
{
    MUST(ftruncate(fd, 0) == 0);
    MUST(pwrite(fd, from, len, 0) == (ssize_t)len);
}

/* Most inputs would fail at the identity and the checksum; half of them are
 * given right ones, so that the numbers behind them are reached. */
static void make_right(struct progress *p, const struct place_of_work *w)
{
    struct stat st;
    XXH3_state_t check;

    MUST(fstat(w->mail, &st) == 0);
    memcpy(p->magic, "restant2", sizeof p->magic);
    p->kind = JOURNAL_MOVE;
    p->carries = 0;
    p->inode = st.st_ino;
    XXH3_64bits_reset(&check);
    XXH3_64bits_update(&check, p, offsetof(struct progress, check));
    p->check = XXH3_64bits_digest(&check);
}

static void write_record(const struct place_of_work *w, const uint8_t *data,
                         bool right)
{
    static char slots[2 * JOURNAL_SLOT];
    struct progress p;
    int fd = openat(w->directory, "record", O_RDWR | O_CREAT, 0600);

    MUST(fd >= 0);
    memset(slots, 0, sizeof slots);
    memcpy(&p, data, sizeof p);
    if (right)
        make_right(&p, w);
    memcpy(slots, &p, sizeof p);
    write_all(fd, slots, sizeof slots);
    close(fd);
}

/* A record put aside is named after the second it happened in. */
static void forget_asides(const struct place_of_work *w)
{
    DIR *directory = opendir(w->path);
    const struct dirent *entry;

    MUST(directory != NULL);
    while ((entry = readdir(directory)) != NULL)
        if (strstr(entry->d_name, ".aside.") != NULL)
            unlinkat(w->directory, entry->d_name, 0);
    closedir(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct place_of_work *w = work();
    struct journal j;
    char after[MAIL_MOST];
    struct stat st;

    if (size < sizeof(struct progress) + 1 ||
        size > sizeof(struct progress) + MAIL_MOST)
        return 0;
    const uint8_t *mail = data + 1 + sizeof(struct progress);
    size_t len = size - 1 - sizeof(struct progress);
    write_all(w->mail, mail, len);
    write_record(w, data + 1, data[0] & 1);
    MUST(journal_open(&j, w->directory, "record") == 0);
    int found = mover_recover(w->mail, &j, NULL);
    journal_close(&j);
    forget_asides(w);
    MUST(fstat(w->mail, &st) == 0 && (size_t)st.st_size <= len);
    if (found == RECOVERY_NONE || found == RECOVERY_ASIDE) {
        MUST((size_t)st.st_size == len);
        MUST(pread(w->mail, after, len, 0) == (ssize_t)len);
        MUST(memcmp(after, mail, len) == 0);
    }
    return 0;
}
