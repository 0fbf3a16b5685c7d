/*
 * The index against a mailbox: whatever stands in the index, opening the
 * mailbox by it ends, and what it lists lies in order inside the mailbox, or is
 * not listed at all.
 */

#include "base/checksum.h"
#include "spool/index.h"
#include "spool/mbox.h"
#include "target.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MOST = 16384
};

struct place_of_work {
    int directory;
    char path[64];
};

static struct place_of_work place_of_work = {.directory = -1};

static void clear(void)
{
    static const char *const names[] = {"mail", "index", "index.new", "twins"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(place_of_work.directory, names[i], 0);
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
    MUST(w->directory >= 0 && atexit(clear) == 0);
    return w;
}

static void write_file(const char *name, const void *from, size_t len)
{
    int fd = openat(work()->directory, name, O_RDWR | O_CREAT | O_TRUNC, 0600);

    MUST(fd >= 0 && write(fd, from, len) == (ssize_t)len);
    close(fd);
}

static int take_dotlock(struct dotlocker *d)
{
    (void)d;
    return 0;
}

static void release_dotlock(struct dotlocker *d)
{
    (void)d;
}

static void sum_up(struct index_header *h, const char *records, uint64_t count)
{
    struct index_sum sum = {.count = 0};
    struct index_record r;

    for (uint64_t i = 0; i < count && i < h->whole.count; i++) {
        if (i == h->base.kept.count)
            h->base.kept = sum;
        memcpy(&r, records + i * sizeof r, sizeof r);
        sum.records += checksum_seeded(&r, sizeof r, i);
        sum.octets += r.message.wire;
        sum.count++;
    }
    h->whole = sum;
}

/* Most inputs would fail at the checksums; some are given right ones, so that
 * the numbers behind them are reached. */
static void make_right(struct index_header *h, int flags, const uint8_t *mail,
                       size_t len)
{
    struct stat st;

    MUST(fstatat(work()->directory, "mail", &st, 0) == 0);
    memcpy(h->magic, "restidx1", sizeof h->magic);
    if ((flags & 2) != 0)
        h->seen = snapshot_of(&st);
    if ((flags & 4) != 0 && h->base.size <= len) {
        size_t part = h->base.size < 4096 ? h->base.size : 4096;
        h->seen.device = st.st_dev;
        h->seen.inode = st.st_ino;
        h->base.head = checksum_of(mail, part);
        h->base.tail = checksum_of(mail + h->base.size - part, part);
    }
    h->check = checksum_of(h, offsetof(struct index_header, check));
}

static void check_table(const struct table *t, uint64_t size)
{
    uint64_t at = 0;

    for (uint64_t i = 0; i < t->count; i++) {
        const struct message *m = &t->messages[i];
        MUST(m->start >= at && message_end(m) > m->start &&
             message_end(m) <= size);
        at = message_end(m);
    }
}

static void open_and_list(struct mailbox *mb, uint64_t size)
{
    static struct table_writer w;
    struct table table;
    uint64_t count = 0, octets = 0;

    if (mbox_recall(mb, &count, &octets) < 0)
        return;
    MUST(table_write_start(&w) == 0);
    if (mbox_scan(mb, &w, &count) < 0) {
        table_write_drop(&w);
        return;
    }
    int fd = table_write_end(&w);
    MUST(fd >= 0);
    table = (struct table){0};
    if (table_map(fd, count, &table) == 0)
        check_table(&table, size);
    free(mbox_identities(mb, &table));
    for (uint64_t i = 0; i < table.count; i++)
        mbox_format.confirm(mb, &table.messages[i]);
    table_unmap(&table);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dotlocker dotlocker = {take_dotlock, release_dotlock, NULL};
    static char index[sizeof(struct index_header) + MOST];
    struct index_header h;

    if (size < sizeof h + 2 || size > sizeof h + MOST)
        return 0;
    int flags = data[0];
    size_t records = (size_t)data[1] * sizeof(struct index_record);
    if (records > size - 2 - sizeof h)
        return 0;
    const uint8_t *mail = data + 2 + sizeof h + records;
    size_t len = size - 2 - sizeof h - records;
    write_file("mail", mail, len);
    memcpy(index, data + 2, sizeof h + records);
    memcpy(&h, index, sizeof h);
    if ((flags & 8) != 0)
        sum_up(&h, index + sizeof h, data[1]);
    if ((flags & 1) != 0)
        make_right(&h, flags, mail, len);
    memcpy(index, &h, sizeof h);
    write_file("index", index, sizeof h + records);

    struct mailbox mb = {.format = &mbox_format,
                         .directory = work()->directory,
                         .name = "mail",
                         .owner = geteuid(),
                         .state = work()->directory,
                         .twins = "twins",
                         .index = "index",
                         .dotlocker = &dotlocker,
                         .fd = -1};
    MUST(mbox_format.open(&mb) == 0);
    open_and_list(&mb, len);
    close(mb.fd);
    return 0;
}
