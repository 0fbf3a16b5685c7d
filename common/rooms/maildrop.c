/* Front's side of the keeper. Runs in front, as _restante in its cage;
 * distrusts the keeper's numbers and the mailbox's octets. */

#include "rooms/maildrop.h"
#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void maildrop_start(struct maildrop *m, int keeper)
{
    m->keeper = keeper;
    m->tree = false;
    m->mail = -1;
    m->batch.first = m->batch.count = m->batch.want = 0;
    m->writable = false;
    m->count = m->octets = m->unverified = 0;
    m->table = (struct table){0};
    m->marks = (struct marks){0};
    m->octets_left = 0;
    m->uidls = NULL;
    m->stride = 0;
    m->ahead.held = 0;
    m->ahead.next = UINT64_MAX;
}

static void drop_batch(struct batch *b)
{
    for (unsigned i = 0; i < b->count; i++)
        close(b->fds[i]);
    b->count = 0;
}

static void release(struct maildrop *m)
{
    drop_batch(&m->batch);
    if (m->mail >= 0)
        close(m->mail);
    table_unmap_slots(m->uidls, m->table.count, m->stride);
    table_unmap(&m->table);
    marks_free(&m->marks);
    maildrop_start(m, m->keeper);
}

/* One question to the keeper and its answer. The keeper bounds its own time
 * (locks have a patience), so there is no deadline. */
static int ask(const struct maildrop *m, struct frame *f, enum frame_type want)
{
    if (frame_send(m->keeper, f) < 0)
        return -1;
    return frame_expect(m->keeper, ROOM_FRONT, PHASE_SESSION, want, CLOCK_NEVER,
                        f);
}

static int take(struct maildrop *m, const struct frame *f)
{
    m->writable = f->opened.writable != 0;
    m->tree = f->opened.tree != 0;
    m->shared = f->opened.shared != 0;
    m->seen = f->opened.seen;
    m->count = f->opened.count;
    m->unverified = f->opened.unverified;
    m->octets_left = m->octets = f->opened.octets;
    return marks_make(&m->marks, m->count);
}

enum status maildrop_open(struct maildrop *m, const char *folder)
{
    struct frame f;

    release(m);
    frame_make(&f, FRAME_OPEN);
    if (slice_copy(slice_of(folder), f.open.folder, sizeof f.open.folder) < 0 ||
        ask(m, &f, FRAME_OPENED) < 0)
        return STATUS_TROUBLE;
    if (f.opened.status != STATUS_OK)
        return (enum status)f.opened.status;
    if (take(m, &f) == 0)
        return STATUS_OK;
    release(m);
    return STATUS_TROUBLE;
}

/* Takes table and mail from the answer. */
static int take_list(struct maildrop *m, struct frame *f)
{
    unsigned wanted = m->tree ? 1 : 2;
    int result =
        f->fd_count == wanted ? table_map(f->fds[0], m->count, &m->table) : -1;

    if (result == 0 && !m->tree) {
        m->mail = f->fds[1];
        f->fd_count = 1;
    }
    frame_close_fds(f);
    return result < 0 || m->table.octets != m->octets ? -1 : 0;
}

enum status maildrop_list(struct maildrop *m)
{
    struct frame f;

    if (m->count == 0 || m->table.messages != NULL)
        return STATUS_OK;
    frame_make(&f, FRAME_LIST);
    if (ask(m, &f, FRAME_LISTED) < 0)
        return STATUS_TROUBLE;
    if (f.status.status != STATUS_OK)
        return (enum status)f.status.status;
    return take_list(m, &f) == 0 ? STATUS_OK : STATUS_TROUBLE;
}

void maildrop_mark(struct maildrop *m, uint64_t i)
{
    marks_add(&m->marks, i);
    m->octets_left -= m->table.messages[i].wire;
}

void maildrop_unmark_all(struct maildrop *m)
{
    if (m->marks.bits != NULL)
        marks_clear(&m->marks);
    m->octets_left = m->octets;
}

static enum status identify(struct maildrop *m)
{
    const void *mapping = NULL;
    struct frame f;

    enum status status = maildrop_list(m);
    if (status != STATUS_OK)
        return status;
    frame_make(&f, FRAME_IDENTIFY);
    if (ask(m, &f, FRAME_IDENTIFIED) < 0)
        return STATUS_TROUBLE;
    if (f.identified.status != STATUS_OK)
        return (enum status)f.identified.status;
    int result = f.identified.stride == 0
                     ? -1
                     : table_map_slots(f.fds[0], m->table.count,
                                       f.identified.stride, &mapping);
    frame_close_fds(&f);
    if (result < 0)
        return STATUS_TROUBLE;
    m->uidls = mapping;
    m->stride = f.identified.stride;
    return STATUS_OK;
}

enum status maildrop_uidl(struct maildrop *m, uint64_t i, char *uidl)
{
    if (m->uidls == NULL) {
        enum status status = identify(m);
        if (status != STATUS_OK)
            return status;
    }
    memcpy(uidl, m->uidls + i * m->stride, m->stride);
    uidl[m->stride] = '\0';
    return STATUS_OK;
}

/* ---- the text of messages ---- */

/* Has the files of message i and of some behind it sent, in place of those at
 * hand: twice as many as last time where i is the next in a row. */
static enum status fetch(struct maildrop *m, uint64_t i)
{
    struct batch *b = &m->batch;
    bool next = b->want > 0 && i == b->first + b->count;
    struct frame f;

    b->want = !next ? 1 : b->want < FRAME_FDS / 2 ? 2 * b->want : FRAME_FDS;
    drop_batch(b);
    b->first = i;
    frame_make(&f, FRAME_FETCH);
    f.fetch.first = i;
    f.fetch.count = b->want;
    if (ask(m, &f, FRAME_FETCHED) < 0)
        return STATUS_TROUBLE;
    b->count = f.fd_count;
    memcpy(b->fds, f.fds, b->count * sizeof *b->fds);
    return (enum status)f.status.status;
}

static bool at_hand(const struct batch *b, uint64_t i)
{
    return i >= b->first && i - b->first < b->count;
}

/* What message i is read from. */
static int source(const struct maildrop *m, uint64_t i)
{
    return m->tree ? m->batch.fds[i - m->batch.first] : m->mail;
}

static bool look(int fd, struct snapshot *now)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    *now = snapshot_of(&st);
    return true;
}

static enum status ask_confirm(const struct maildrop *m, uint64_t i)
{
    struct frame f;

    frame_make(&f, FRAME_CONFIRM);
    f.confirm.index = i;
    if (ask(m, &f, FRAME_CONFIRMED) < 0)
        return STATUS_TROUBLE;
    return (enum status)f.status.status;
}

static enum status confirm_in_file(struct maildrop *m, uint64_t i)
{
    if (!look(m->mail, &m->sure))
        return STATUS_TROUBLE;
    return !m->shared && i >= m->unverified &&
                   snapshot_same(&m->sure, &m->seen)
               ? STATUS_OK
               : ask_confirm(m, i);
}

static enum status confirm_in_tree(struct maildrop *m, uint64_t i)
{
    enum status status = at_hand(&m->batch, i) ? STATUS_OK : fetch(m, i);

    if (status == STATUS_OK && !look(source(m, i), &m->sure))
        status = STATUS_TROUBLE;
    return status;
}

enum status maildrop_confirm(struct maildrop *m, uint64_t i)
{
    enum status status = maildrop_list(m);

    if (status != STATUS_OK)
        return status;
    return m->tree ? confirm_in_tree(m, i) : confirm_in_file(m, i);
}

/* Encodes one block into the stream. Returns false once the stream failed. */
static bool encode(struct wire *w, const char *from, size_t len,
                   struct stream *s)
{
    const char *end = from + len;
    size_t room;

    while (from < end && !w->done) {
        char *to = stream_lend(s, &room);
        if (to == NULL)
            return false;
        stream_filled(s, wire_encode(w, &from, end, to, room));
    }
    return true;
}

/* The next message is near where the last one ended: more will be wanted. */
static bool is_next(const struct ahead *a, uint64_t offset)
{
    return offset >= a->next && offset - a->next < 4096;
}

/* Has octets at offset at hand, of left that are wanted. Returns how many, with
 * *at where they are; 0 at the end of the file, -1 with errno. What was read
 * before counts while the file is what it was then. */
static ssize_t read_ahead(struct maildrop *m, int fd, uint64_t offset,
                          uint64_t left, const char **at)
{
    struct ahead *a = &m->ahead;
    bool valid = offset >= a->at && offset - a->at < a->held &&
                 snapshot_same(&a->seen, &m->sure);

    if (!valid) {
        size_t want = m->tree || !is_next(a, offset) ? left : sizeof a->octets;
        if (want > sizeof a->octets)
            want = sizeof a->octets;
        ssize_t n = pread(fd, a->octets, want, (off_t)offset);
        a->held = n > 0 ? (size_t)n : 0;
        a->at = offset;
        a->seen = m->sure;
        if (n <= 0)
            return n;
    }
    uint64_t held = a->held - (offset - a->at);
    *at = a->octets + (offset - a->at);
    return (ssize_t)(held < left ? held : left);
}

static int send_text(struct maildrop *m, uint64_t i, struct wire *w,
                     struct stream *s)
{
    const struct message *text = &m->table.messages[i];
    uint64_t offset = message_text(text), left = text->length;
    const char *at = NULL;

    while (left > 0 && !w->done) {
        ssize_t n = read_ahead(m, source(m, i), offset, left, &at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !encode(w, at, (size_t)n, s))
            return -1;
        offset += (uint64_t)n;
        left -= (uint64_t)n;
    }
    m->ahead.next = offset;
    if (w->done)
        return 0;
    size_t room;
    char *to = stream_lend(s, &room);
    if (to == NULL)
        return -1;
    stream_filled(s, wire_finish(w, to));
    return 0;
}

/* Did nobody write to it since it was confirmed? Readers of a tree rename
 * messages, which changes the time of change alone. */
static enum status unchanged(const struct maildrop *m, uint64_t i)
{
    struct snapshot now;

    if (!look(source(m, i), &now))
        return STATUS_CHANGED;
    if (m->tree)
        return now.size == m->sure.size && now.modified == m->sure.modified
                   ? STATUS_OK
                   : STATUS_CHANGED;
    return snapshot_same(&m->sure, &now) && !m->shared ? STATUS_OK
                                                       : ask_confirm(m, i);
}

/* Promised octets, and a mailbox that nobody wrote to while they were read
 * (or a message that still is what it was): only then is a reply complete. */
enum status maildrop_send(struct maildrop *m, uint64_t i, struct wire *w,
                          struct stream *s)
{
    uint64_t promised = m->table.messages[i].wire;

    if (send_text(m, i, w, s) < 0 || (!w->done && w->octets != promised))
        return STATUS_CHANGED;
    return unchanged(m, i);
}

static int send_marks(const struct maildrop *m)
{
    uint64_t size = marks_size(&m->marks);
    struct frame f;

    for (uint64_t at = 0; at < size; at += MARKS_OCTETS) {
        frame_make(&f, FRAME_MARKS);
        f.marks.first = at;
        f.marks.size =
            (uint32_t)(size - at < MARKS_OCTETS ? size - at : MARKS_OCTETS);
        memcpy(f.marks.bits, m->marks.bits + at, f.marks.size);
        if (frame_send(m->keeper, &f) < 0)
            return -1;
    }
    return 0;
}

enum status maildrop_commit(struct maildrop *m)
{
    enum status status = STATUS_TROUBLE;
    struct frame f;

    if (m->marks.marked == 0 || send_marks(m) == 0) {
        frame_make(&f, FRAME_COMMIT);
        f.commit.marked = m->marks.marked;
        if (ask(m, &f, FRAME_COMMITTED) == 0)
            status = (enum status)f.status.status;
    }
    release(m);
    return status;
}
