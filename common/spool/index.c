/* The index of an mbox. Runs in the keeper, as the user, caged; distrusts the
 * index, which the user may have written, and the mailbox. */

#include "spool/index.h"
#include "base/checksum.h"
#include "base/exact.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "restidx1"

enum {
    WINDOW = 4096, /* octets of the mailbox whose checksums are kept */
    CHUNK = 128,   /* records read at once */
};

#define SIZE_MOST (INT64_MAX / 4)

/* ---- checksums ---- */

static uint64_t check_header(const struct index_header *h)
{
    return checksum_of(h, offsetof(struct index_header, check));
}

/* Records are summed, so that the sum of a part can be kept; each counts in its
 * place only. */
static uint64_t check_record(const struct index_record *r, uint64_t i)
{
    return checksum_seeded(r, sizeof *r, i);
}

/* The checksum of up to WINDOW octets of the mailbox before end. */
static int check_mail(int mail, uint64_t end, uint64_t *check)
{
    char octets[WINDOW];
    size_t len = end < WINDOW ? (size_t)end : WINDOW;

    if (exact_read(mail, octets, len, end - len) < 0)
        return -1;
    *check = checksum_of(octets, len);
    return 0;
}

static int check_ends(int mail, struct index_base *b)
{
    uint64_t head = b->size < WINDOW ? b->size : WINDOW;

    return check_mail(mail, head, &b->head) < 0 ||
                   check_mail(mail, b->size, &b->tail) < 0
               ? -1
               : 0;
}

/* ---- reading ---- */

static uint64_t record_at(uint64_t i)
{
    return sizeof(struct index_header) + i * sizeof(struct index_record);
}

static bool sum_is_sane(const struct index_sum *sum)
{
    return sum->count <= MESSAGES_MAX && sum->octets <= SIZE_MOST;
}

static bool header_is_sane(const struct index_header *h, uint64_t file)
{
    const struct index_base *b = &h->base;

    return memcmp(h->magic, MAGIC, sizeof h->magic) == 0 &&
           h->check == check_header(h) && sum_is_sane(&h->whole) &&
           sum_is_sane(&b->kept) && h->seen.size <= SIZE_MOST &&
           b->size <= SIZE_MOST && b->resume <= b->size &&
           b->kept.count <= h->whole.count && h->identified <= h->whole.count &&
           h->unverified <= h->whole.count && h->whole.count < file &&
           record_at(h->whole.count) <= file;
}

int index_open(struct index *x, int directory, const char *name)
{
    struct stat st;

    x->fd = openat(directory, name,
                   O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (x->fd < 0)
        return -1;
    if (fstat(x->fd, &st) == 0 && S_ISREG(st.st_mode) &&
        exact_read(x->fd, &x->header, sizeof x->header, 0) == 0 &&
        header_is_sane(&x->header, (uint64_t)st.st_size))
        return 0;
    index_close(x);
    errno = EINVAL;
    return -1;
}

void index_close(struct index *x)
{
    if (x->fd >= 0)
        close(x->fd);
    x->fd = -1;
}

/* Does the mailbox, as far as the base goes, look as it did? */
static bool begins_alike(const struct index_base *b, int mail)
{
    struct index_base now = {.size = b->size};

    return check_ends(mail, &now) == 0 && now.head == b->head &&
           now.tail == b->tail;
}

enum index_fit index_fits(const struct index *x, int mail,
                          const struct snapshot *now)
{
    const struct index_header *h = &x->header;
    bool same = snapshot_same(&h->seen, now);

    if (same && h->settled)
        return INDEX_EXACT;
    if (!h->grows || h->seen.device != now->device ||
        h->seen.inode != now->inode || now->size < h->base.size ||
        (now->size == h->base.size && !same) || !begins_alike(&h->base, mail))
        return INDEX_USELESS;
    return INDEX_GROWN;
}

/* Reads records, count from first on. */
static int read_records(const struct index *x, uint64_t first, uint64_t count,
                        struct index_record *records)
{
    return exact_read(x->fd, records, count * sizeof *records,
                      record_at(first));
}

/* How many of count records stand in the chunk that begins with number i. */
static uint64_t chunk_at(uint64_t i, uint64_t count)
{
    return count - i < CHUNK ? count - i : CHUNK;
}

/* A walk over records that finds out whether they are right. */
struct walk {
    uint64_t size;           /* of the mailbox */
    uint64_t at;             /* where the next message begins */
    struct index_sum so_far; /* before the record at hand */
    int (*visit)(struct walk *, const struct index_record *);
    void *context;
};

static bool follows(const struct walk *w, const struct message *m)
{
    bool first = w->so_far.count == 0;

    return (first ? m->start <= w->size : m->start == w->at) &&
           m->length <= w->size && m->from_len <= w->size && m->gap <= 2 &&
           message_end(m) <= w->size && message_end(m) > m->start &&
           m->wire <= SIZE_MOST && w->so_far.octets <= SIZE_MOST;
}

static void append(struct index_sum *sum, const struct index_record *r)
{
    sum->records += check_record(r, sum->count);
    sum->count++;
    sum->octets += r->message.wire;
}

static int walk_chunk(struct walk *w, const struct index_record *records,
                      uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!follows(w, &records[i].message)) {
            errno = EINVAL;
            return -1;
        }
        if (w->visit(w, &records[i]) < 0)
            return -1;
        append(&w->so_far, &records[i]);
        w->at = message_end(&records[i].message);
    }
    return 0;
}

/* Visits as many as there are in the sum; returns 0 when they amount to it. */
static int walk(const struct index *x, const struct index_sum *sum,
                struct walk *w)
{
    struct index_record records[CHUNK];

    for (uint64_t i = 0; i < sum->count; i += CHUNK) {
        uint64_t part = chunk_at(i, sum->count);
        if (read_records(x, i, part, records) < 0 ||
            walk_chunk(w, records, part) < 0)
            return -1;
    }
    if (w->so_far.records == sum->records && w->so_far.octets == sum->octets)
        return 0;
    errno = EINVAL;
    return -1;
}

static int list_one(struct walk *w, const struct index_record *r)
{
    return table_write(w->context, &r->message, sizeof r->message);
}

int index_list(const struct index *x, struct table_writer *table)
{
    struct walk w = {
        .size = x->header.seen.size, .visit = list_one, .context = table};

    return walk(x, &x->header.whole, &w);
}

/* ---- changing ---- */

static int write_header(int fd, struct index_header *h)
{
    h->check = check_header(h);
    return exact_write(fd, h, sizeof *h, 0);
}

int index_identities(const struct index *x, struct identity *all)
{
    struct index_record records[CHUNK];
    uint64_t count = x->header.identified;

    for (uint64_t i = 0; i < count; i += CHUNK) {
        uint64_t part = chunk_at(i, count);
        if (read_records(x, i, part, records) < 0)
            return -1;
        for (uint64_t n = 0; n < part; n++) {
            all[i + n].id = records[n].id;
            all[i + n].twin = records[n].twin;
            all[i + n].next = records[n].next;
        }
    }
    return 0;
}

int index_identify(struct index *x, const struct identity *all)
{
    struct index_record records[CHUNK];
    struct index_header *h = &x->header;
    struct index_sum so_far = {.count = 0};

    for (uint64_t i = 0; i < h->whole.count; i += CHUNK) {
        uint64_t part = chunk_at(i, h->whole.count);
        if (read_records(x, i, part, records) < 0)
            return -1;
        for (uint64_t n = 0; n < part; n++) {
            records[n].id = all[i + n].id;
            records[n].twin = all[i + n].twin;
            records[n].next = all[i + n].next;
            append(&so_far, &records[n]);
            if (so_far.count == h->base.kept.count)
                h->base.kept = so_far;
        }
        if (exact_write(x->fd, records, part * sizeof *records, record_at(i)) <
            0)
            return -1;
    }
    h->whole = so_far;
    h->identified = h->whole.count;
    return write_header(x->fd, h);
}

/* Record number base.kept.count is the last of those that are kept. */
static int note_base(struct walk *w, const struct index_record *r)
{
    struct index_base *b = w->context;

    if (w->so_far.count == b->kept.count) {
        b->kept = w->so_far;
        b->resume = r->message.start;
        b->size = message_end(&r->message);
    }
    return 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int index_cut(struct index *x, int mail, uint64_t kept)
{
    struct index_header *h = &x->header;
    struct index_base base = {.kept.count = kept - 1};
    struct walk w = {
        .size = h->base.size, .visit = note_base, .context = &base};

    if (!h->grows) {
        errno = EINVAL;
        return -1;
    }
    if (kept <= h->base.kept.count) {
        if (walk(x, &h->base.kept, &w) < 0 || check_ends(mail, &base) < 0)
            return -1;
        h->base = base;
    }
    h->whole = h->base.kept;
    h->settled = false;
    h->seen.size = 0;
    h->identified = lesser(h->identified, h->whole.count);
    h->unverified = lesser(h->unverified, h->whole.count);
    return write_header(x->fd, h);
}

int index_left(struct index *x, const struct snapshot *now)
{
    x->header.seen = *now;
    return write_header(x->fd, &x->header);
}

/* ---- writing ---- */

static void fresh_name(const struct index_writer *w, char name[128])
{
    snprintf(name, 128, "%s.new", w->name);
}

void index_write_start(struct index_writer *w, int directory, const char *name)
{
    char fresh[128];

    *w = (struct index_writer){
        .directory = directory, .name = name, .fresh = true};
    fresh_name(w, fresh);
    w->fd = openat(
        directory, fresh,
        O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

void index_write_on(struct index_writer *w, struct index *x, int directory,
                    const char *name)
{
    struct index_header *h = &w->header;

    *w = (struct index_writer){
        .directory = directory, .name = name, .fd = x->fd, .header = x->header};
    x->fd = -1;
    h->whole = h->base.kept;
    h->identified = lesser(h->identified, h->whole.count);
    h->unverified = h->whole.count;
}

void index_write_drop(struct index_writer *w)
{
    char fresh[128];
    int saved = errno;

    if (w->fd < 0)
        return;
    close(w->fd);
    w->fd = -1;
    fresh_name(w, fresh);
    if (w->fresh)
        unlinkat(w->directory, fresh, 0);
    errno = saved;
}

/* Writes the records that wait; the last of them is number count - 1. */
static void write_held(struct index_writer *w)
{
    uint64_t first = w->header.whole.count - w->held;

    if (w->fd >= 0 && w->held > 0 &&
        exact_write(w->fd, w->records, w->held * sizeof *w->records,
                    record_at(first)) < 0)
        index_write_drop(w);
    w->held = 0;
}

void index_write(struct index_writer *w, const struct message *m)
{
    struct index_record *r = &w->records[w->held];

    *r = (struct index_record){.message = *m};
    append(&w->header.whole, r);
    w->last = *r;
    w->held++;
    if (w->held == CHUNK)
        write_held(w);
}

/* The base is what was settled: all but the last message. */
static int make_base(const struct index_writer *w, int mail,
                     struct index_base *b)
{
    uint64_t last = w->header.whole.count - 1;

    b->size = w->header.seen.size;
    b->resume = w->last.message.start;
    b->kept = w->header.whole;
    b->kept.count--;
    b->kept.octets -= w->last.message.wire;
    b->kept.records -= check_record(&w->last, last);
    return check_ends(mail, b);
}

static int complete_header(struct index_writer *w, int mail,
                           const struct snapshot *seen, bool settled)
{
    struct index_header *h = &w->header;

    memcpy(h->magic, MAGIC, sizeof h->magic);
    h->seen = *seen;
    h->settled = settled;
    if (!settled || h->whole.count == 0)
        return 0;
    h->grows = true;
    return make_base(w, mail, &h->base);
}

int index_write_end(struct index_writer *w, int mail,
                    const struct snapshot *seen, bool settled)
{
    char fresh[128];

    write_held(w);
    if (complete_header(w, mail, seen, settled) < 0 || w->fd < 0 ||
        write_header(w->fd, &w->header) < 0) {
        index_write_drop(w);
        return -1;
    }
    fresh_name(w, fresh);
    if (w->fresh && renameat(w->directory, fresh, w->directory, w->name) < 0) {
        index_write_drop(w);
        return -1;
    }
    close(w->fd);
    w->fd = -1;
    return 0;
}
