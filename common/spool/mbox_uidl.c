/*
 * UIDLs of an mbox, equal to popa3d's so that moving from it downloads nothing
 * again: MD5 over those header lines that delivery fixes for ever. They never
 * depend on Status and X- lines, which mail readers change, nor on From_.
 *
 * Runs in the keeper, as the user, caged; distrusts the mailbox.
 */

#include "base/slice.h"
#include "spool/index.h"
#include "spool/mbox.h"
#include "spool/mbox_foreign.h"
#include "spool/twins.h"
#include "spool/window.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <md5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    UIDL_STRIDE = 32,
    HEADER_BLOCK = 8192, /* octets; a longer line is cut */
    DENSE = 16           /* messages in a block that are worth reading it */
};

/* What is known of a header while its lines go by. */
struct header {
    MD5_CTX md5;
    bool received; /* the first Received: field has begun */
    bool counts;   /* the current field goes into the digest */
    bool in_line;  /* the next octets continue a line */
    bool over;     /* the empty line has been seen */
};

static bool names(const char *line, size_t len, const char *field)
{
    size_t name = strlen(field);

    return len >= name && strncasecmp(line, field, name) == 0;
}

/* The one name whose first letter popa3d takes in upper case only. */
static bool is_delivery_id(const char *line, size_t len)
{
    return line[0] == 'X' && names(line, len, "X-Delivery-ID:");
}

/* Does the field that begins with this line go into the digest? Where a
 * message was received before, Date and Message-ID are the sender's and may
 * stand on many copies; what tells copies apart is above them. */
static bool field_counts(struct header *h, const char *line, size_t len)
{
    if (names(line, len, "Received:")) {
        bool first = !h->received;
        h->received = true;
        return first;
    }
    if (names(line, len, "Delivered-To:") || is_delivery_id(line, len))
        return true;
    return !h->received &&
           (names(line, len, "Date:") || names(line, len, "Message-ID:"));
}

static void header_piece(struct header *h, const char *piece, size_t len)
{
    if (!h->in_line) {
        h->over = piece[0] == '\n'; /* a bare CRLF ends no header: popa3d's */
        if (h->over)
            return;
        if (piece[0] != ' ' && piece[0] != '\t')
            h->counts = field_counts(h, piece, len);
    }
    if (h->counts)
        MD5Update(&h->md5, (const uint8_t *)piece, len);
    h->in_line = piece[len - 1] != '\n';
}

/* Feeds the lines that end in these octets. Returns the octets taken. */
static size_t header_lines(struct header *h, const char *octets, size_t len)
{
    size_t at = 0;

    while (at < len && !h->over) {
        const char *lf = memchr(octets + at, '\n', len - at);
        if (lf == NULL)
            break;
        size_t line = (size_t)(lf + 1 - (octets + at));
        header_piece(h, octets + at, line);
        at += line;
    }
    return at;
}

/* A line is cut only where it is longer than a block. */
static int read_header(struct window *w, const struct message *m,
                       struct header *h)
{
    uint64_t offset = message_text(m), left = m->length;

    while (left > 0 && !h->over) {
        size_t part = left < HEADER_BLOCK ? (size_t)left : HEADER_BLOCK, len;
        const char *octets = window_show(w, offset, part, &len);
        if (octets == NULL)
            return -1;
        size_t taken = header_lines(h, octets, part);
        if (taken == 0)
            header_piece(h, octets, taken = part);
        offset += taken;
        left -= taken;
    }
    return 0;
}

/* The digest's first two words, each with its octets reversed. */
static uint64_t id_of(const uint8_t *digest)
{
    uint64_t id = 0;

    for (int i = 3; i >= 0; i--)
        id = id << 8 | digest[i];
    for (int i = 7; i >= 4; i--)
        id = id << 8 | digest[i];
    return id;
}

static int identify(struct window *w, const struct message *m, uint64_t *id)
{
    struct header h = {.received = false};
    uint8_t digest[MD5_DIGEST_LENGTH];

    MD5Init(&h.md5);
    if (read_header(w, m, &h) < 0)
        return -1;
    MD5Final(digest, &h.md5);
    *id = id_of(digest);
    return 0;
}

/* Writes it into a slot of zeros of at least UIDL_STRIDE octets. */
static void print_uidl(const struct identity *who, char *slot)
{
    int len = snprintf(slot, UIDL_STRIDE, "%016" PRIx64, who->id);

    if (who->twin > 0)
        snprintf(slot + len, UIDL_STRIDE - (size_t)len, "-%" PRIu32,
                 who->twin + 1);
}

static int write_uidl(struct table_writer *to, const struct identity *who)
{
    char slot[UIDL_STRIDE] = {0};

    print_uidl(who, slot);
    return table_write(to, slot, sizeof slot);
}

static int write_all(const struct identity *all, uint64_t count,
                     struct table_writer *to)
{
    for (uint64_t i = 0; i < count; i++)
        if (write_uidl(to, &all[i]) < 0)
            return -1;
    return 0;
}

/* The caller holds a lock: is everything from message first on where the table
 * says? */
static int still_there(const struct mailbox *mb, const struct table *table,
                       uint64_t first)
{
    struct snapshot now;
    struct stat st;

    if (mbox_look(mb, &st) < 0)
        return -1;
    now = snapshot_of(&st);
    if (snapshot_same(&now, &mb->seen))
        return 0;
    return mbox_verify(mb, now.size, table, first, NULL);
}

/* Opens the index if it is about what the session has seen. */
static int open_index(const struct mailbox *mb, struct index *x)
{
    if (mb->state < 0 || mb->index == NULL ||
        index_open(x, mb->state, mb->index) < 0)
        return -1;
    if (snapshot_same(&x->header.seen, &mb->seen))
        return 0;
    index_close(x);
    return -1;
}

/* Takes from the index what it knows. Returns how many messages that are. */
static uint64_t recall_identities(const struct mailbox *mb,
                                  const struct table *table,
                                  struct identity *all)
{
    uint64_t known = 0;
    struct index x;

    if (open_index(mb, &x) < 0)
        return 0;
    if (x.header.identified <= table->count && index_identities(&x, all) == 0)
        known = x.header.identified;
    index_close(&x);
    return known;
}

static void remember_identities(const struct mailbox *mb,
                                const struct table *table,
                                const struct identity *all)
{
    struct index x;

    if (open_index(mb, &x) < 0)
        return;
    if (x.header.whole.count == table->count && index_identify(&x, all) < 0)
        mbox_forget(mb);
    index_close(&x);
}

/* Where many messages lie in a block, one read serves their headers, though it
 * reads the text between them, too: to this offset. */
static uint64_t read_ahead(const struct table *table, uint64_t i)
{
    const struct message *m = table->messages;
    uint64_t last = table->count - 1;

    if (last - i < DENSE || m[i + DENSE].start - m[i].start > WINDOW_BLOCK)
        return 0;
    return message_end(&m[last]);
}

/* Reads the headers of the messages from first on. */
static int read_identities(const struct mailbox *mb, const struct table *table,
                           uint64_t first, struct identity *all)
{
    struct window w;
    int result = 0;

    if (first == table->count)
        return 0;
    if (still_there(mb, table, first) < 0) {
        mbox_forget(mb);
        errno = ESTALE;
        return -1;
    }
    if (window_open(&w, mb->fd, mb->dotlocker) < 0)
        return -1;
    for (uint64_t i = first; i < table->count && result == 0; i++) {
        w.until = read_ahead(table, i);
        result = identify(&w, &table->messages[i], &all[i].id);
    }
    window_close(&w);
    return result;
}

static int find_identities(const struct mailbox *mb, const struct table *table,
                           struct identity *all)
{
    uint64_t known = recall_identities(mb, table, all);

    if (read_identities(mb, table, known, all) < 0)
        return -1;
    for (uint64_t i = 0; i < table->count; i++)
        all[i].index = (uint32_t)i;
    if (known == table->count)
        return 0;
    twins_number(all, table->count, mb->state, mb->twins);
    twins_remember(all, table->count, NULL, mb->state, mb->twins);
    remember_identities(mb, table, all);
    return 0;
}

struct identity *mbox_identities(const struct mailbox *mb,
                                 const struct table *table)
{
    if (table->count > UINT32_MAX) {
        errno = EOVERFLOW;
        return NULL;
    }
    struct identity *all = calloc(table->count + 1, sizeof *all);
    if (all == NULL || find_identities(mb, table, all) == 0)
        return all;
    int saved = errno;
    free(all);
    errno = saved;
    return NULL;
}

static int write_slots(char (*slots)[UIDL_SLOT], const struct identity *all,
                       uint64_t count, struct table_writer *to)
{
    for (uint64_t i = 0; i < count; i++) {
        if (slots[i][0] == '\0')
            print_uidl(&all[i], slots[i]);
        if (table_write(to, slots[i], UIDL_SLOT) < 0)
            return -1;
    }
    return 0;
}

/* Another server's UIDLs, where it has given any. */
static int write_foreign(const struct mailbox *mb, const struct table *table,
                         const struct identity *all, struct table_writer *to)
{
    char(*slots)[UIDL_SLOT] = calloc(table->count + 1, sizeof *slots);
    int result = -1;

    if (slots != NULL && mbox_foreign(mb->fd, table, mb->uidl, slots) == 0 &&
        uidl_drop_doubles(slots, table->count) == 0)
        result = write_slots(slots, all, table->count, to);
    int saved = errno;
    free(slots);
    errno = saved;
    return result;
}

int mbox_identify(struct mailbox *mb, const struct table *table,
                  struct table_writer *to, uint32_t *stride)
{
    bool foreign = mb->uidl != NULL && mb->uidl->source != UIDL_OWN;
    int result = -1;

    *stride = foreign ? (uint32_t)UIDL_SLOT : (uint32_t)UIDL_STRIDE;
    if (lock_fcntl_within(mb->fd, F_RDLCK, MBOX_PATIENCE) < 0)
        return -1;
    struct identity *all = mbox_identities(mb, table);
    if (all != NULL)
        result = foreign ? write_foreign(mb, table, all, to)
                         : write_all(all, table->count, to);
    int saved = errno;
    free(all);
    lock_fcntl(mb->fd, F_UNLCK);
    errno = saved;
    return result;
}
