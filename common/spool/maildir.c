/*
 * The Maildir format: a directory whose new/ and cur/ hold one file a message.
 * Nothing is locked, and nothing needs a recovery: a message is there or not.
 * Reading changes nothing; a session's end removes files and moves what it has
 * seen from new/ to cur/. Others may do the same at any time, and a message
 * that they take away is missing for itself alone.
 *
 * Runs in the keeper, as the user, caged; distrusts names, kinds, sizes and
 * everybody who writes to the directories.
 */

#include "spool/maildir.h"
#include "base/exact.h"
#include "base/vector.h"
#include "spool/maildir_foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK = 256 * 1024 /* octets read at once */
};

struct maildir {
    int parts[MAILDIR_PARTS]; /* new/ and cur/; -1: it is not there */
    struct maildir_list list;
};

static struct maildir *maildir_of(const struct mailbox *mb)
{
    return mb->own;
}

/* ---- opening ---- */

/* Opens a directory that must be the owner's. */
static int open_directory(int parent, const char *name, uid_t owner)
{
    struct stat st;
    int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        if (errno == ELOOP || errno == ENOTDIR)
            errno = EPERM;
        return -1;
    }
    if (fstat(fd, &st) == 0 && st.st_uid == owner)
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static void maildir_close(struct mailbox *mb)
{
    struct maildir *md = maildir_of(mb);

    if (md == NULL)
        return;
    for (int i = 0; i < MAILDIR_PARTS; i++)
        if (md->parts[i] >= 0)
            close(md->parts[i]);
    maildir_list_free(&md->list);
    free(md);
    mb->own = NULL;
}

/* A part that is missing is as good as an empty one. */
static int open_parts(struct mailbox *mb, struct maildir *md)
{
    static const char *const names[MAILDIR_PARTS] = {
        [MAILDIR_NEW] = "new", [MAILDIR_CUR] = "cur"};

    for (int i = 0; i < MAILDIR_PARTS; i++) {
        md->parts[i] = open_directory(mb->fd, names[i], mb->owner);
        if (md->parts[i] < 0 && errno != ENOENT)
            return -1;
        if (md->parts[i] >= 0 && faccessat(md->parts[i], ".", W_OK, 0) < 0)
            mb->writable = false;
    }
    return 0;
}

static int maildir_open(struct mailbox *mb)
{
    struct maildir *md;

    mb->writable = true;
    mb->fd = open_directory(mb->directory, mb->name, mb->owner);
    if (mb->fd < 0)
        return -1;
    md = mb->own = malloc(sizeof *md);
    if (md == NULL)
        return -1;
    *md = (struct maildir){.parts = {-1, -1}};
    return open_parts(mb, md);
}

/* Every change is whole by itself. */
static int maildir_recover(struct mailbox *mb)
{
    (void)mb;
    return 0;
}

/* ---- sizes ---- */

static int64_t modified_of(const struct stat *st)
{
    return snapshot_of(st).modified;
}

static int open_message(const struct maildir *md,
                        const struct maildir_message *m, struct stat *st)
{
    int fd = openat(md->parts[m->part], maildir_name_of(&md->list, m),
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static void count_lines(struct lines *l, const char *at, const char *end)
{
    while ((at = lines_take(l, at, end)) < end) { /* no From_ line matters */
        lines_take_letter(l);
        at++;
    }
}

/* A LF without CR gains one octet on the wire, and a last line without its end
 * two. */
static int measure_file(int fd, struct maildir_message *m, char *block)
{
    struct lines lines = {.lf = LINES_LAST};
    uint64_t offset = 0;

    while (offset < m->length) {
        uint64_t left = m->length - offset;
        size_t part = left < BLOCK ? (size_t)left : BLOCK;
        if (exact_read(fd, block, part, offset) < 0)
            return -1;
        count_lines(&lines, block, block + part);
        offset += part;
    }
    m->wire = m->length + lines.bare;
    if ((lines.lf & LINES_LAST) == 0)
        m->wire += 2;
    return 0;
}

static int measure(const struct maildir *md, struct maildir_message *m,
                   char *block)
{
    struct stat st;
    int fd = open_message(md, m, &st);

    if (fd < 0)
        return -1;
    m->length = (uint64_t)st.st_size;
    m->modified = modified_of(&st);
    int result = measure_file(fd, m, block);
    close(fd);
    return result;
}

/* Takes the sizes that are known. Returns how many are. */
static size_t recall(struct maildir_list *l, const struct maildir_sizes *known)
{
    size_t found = 0;

    for (size_t i = 0; i < l->count; i++) {
        struct maildir_message *m = &l->messages[i];
        const struct maildir_size *size = maildir_sizes_find(
            known, maildir_key(maildir_name_of(l, m), m->base));
        m->measured = size != NULL;
        if (size == NULL)
            continue;
        m->length = size->length;
        m->wire = size->wire;
        m->modified = size->modified;
        found++;
    }
    return found;
}

/* Measures those that are not known. Returns whether some do not have their
 * name any more. */
static bool measure_unknown(struct maildir *md, char *block)
{
    struct maildir_list *l = &md->list;
    bool renamed = false;

    for (size_t i = 0; i < l->count; i++) {
        struct maildir_message *m = &l->messages[i];
        if (m->measured || m->gone)
            continue;
        m->measured = measure(md, m, block) == 0;
        renamed |= !m->measured && errno == ENOENT;
        l->left_out |= !m->measured && errno != ENOENT;
    }
    return renamed;
}

static int measure_rest(struct maildir *md)
{
    char *block = malloc(BLOCK);
    int result = block == NULL ? -1 : 0;

    for (int chases = 0;
         result == 0 && chases < MAILDIR_CHASES && measure_unknown(md, block);
         chases++)
        result = maildir_refresh(&md->list, md->parts);
    int saved = errno;
    free(block);
    errno = saved;
    return result;
}

/* Remembers the sizes that are known. */
static void remember(const struct mailbox *mb)
{
    const struct maildir_list *l = &maildir_of(mb)->list;
    struct maildir_sizes s = {.sizes = calloc(l->count + 1, sizeof *s.sizes)};

    for (size_t i = 0; s.sizes != NULL && i < l->count; i++) {
        const struct maildir_message *m = &l->messages[i];
        if (m->measured)
            s.sizes[s.count++] = (struct maildir_size){
                maildir_key(maildir_name_of(l, m), m->base), m->length, m->wire,
                m->modified};
    }
    if (s.sizes != NULL)
        maildir_sizes_save(&s, mb->state, mb->sizes);
    maildir_sizes_free(&s);
}

/* ---- the scan ---- */

/* What could not be measured cannot be served, nor what has gone meanwhile. */
static void drop_unmeasured(struct maildir_list *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++)
        if (l->messages[i].measured && !l->messages[i].gone)
            l->messages[kept++] = l->messages[i];
    l->count = kept;
}

/* Gives every message its sizes. */
static int find_sizes(struct mailbox *mb)
{
    struct maildir *md = maildir_of(mb);
    struct maildir_list *l = &md->list;
    struct maildir_sizes known;

    maildir_sizes_load(&known, mb->state, mb->sizes);
    size_t found = recall(l, &known);
    bool changed = found < l->count || known.count != l->count;
    maildir_sizes_free(&known);
    if (found < l->count && measure_rest(md) < 0)
        return -1;
    drop_unmeasured(l);
    if (changed)
        remember(mb);
    return 0;
}

static int write_table(const struct maildir_list *l, struct table_writer *to)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct message m = {.length = l->messages[i].length,
                                  .wire = l->messages[i].wire};
        if (table_write(to, &m, sizeof m) < 0)
            return -1;
    }
    return 0;
}

static int maildir_scan(struct mailbox *mb, struct table_writer *table,
                        uint64_t *count)
{
    struct maildir *md = maildir_of(mb);

    if (maildir_list(&md->list, md->parts) < 0 || find_sizes(mb) < 0)
        return -1;
    mb->left_out = md->list.left_out;
    *count = md->list.count;
    return write_table(&md->list, table);
}

/* Another server's UIDLs, where it has given any. */
static int fill_foreign(const struct mailbox *mb, char (*slots)[UIDL_SLOT])
{
    const struct maildir_list *l = &maildir_of(mb)->list;
    struct foreign_list known;

    if (mb->uidl == NULL ||
        (mb->uidl->source != UIDL_NUMBERS && mb->uidl->source != UIDL_COURIER))
        return 0;
    if (foreign_list_load(&known, mb->fd, mb->uidl) < 0)
        return -1;
    for (size_t i = 0; i < l->count; i++) {
        const struct maildir_message *m = &l->messages[i];
        const char *uidl =
            foreign_list_find(&known, maildir_name_of(l, m), m->base);
        if (uidl != NULL)
            memcpy(slots[i], uidl, UIDL_SLOT);
    }
    foreign_list_free(&known);
    return uidl_drop_doubles(slots, l->count);
}

static int write_slots(const struct maildir_list *l, char (*slots)[UIDL_SLOT],
                       struct table_writer *to)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct maildir_message *m = &l->messages[i];
        if (slots[i][0] == '\0')
            maildir_uidl(maildir_name_of(l, m), m->base, slots[i]);
        if (table_write(to, slots[i], UIDL_SLOT) < 0)
            return -1;
    }
    return 0;
}

static int maildir_identify(struct mailbox *mb, const struct table *table,
                            struct table_writer *to, uint32_t *stride)
{
    const struct maildir_list *l = &maildir_of(mb)->list;
    char(*slots)[UIDL_SLOT] = calloc(l->count + 1, sizeof *slots);
    int result = -1;

    (void)table;
    *stride = UIDL_SLOT;
    if (slots != NULL && fill_foreign(mb, slots) == 0)
        result = write_slots(l, slots, to);
    int saved = errno;
    free(slots);
    errno = saved;
    return result;
}

/* ---- fetching ---- */

/* Is this file still the one that was measured? */
static bool is_same(const struct maildir_message *m, const struct stat *st)
{
    return S_ISREG(st->st_mode) && (uint64_t)st->st_size == m->length &&
           modified_of(st) == m->modified;
}

/* Opens a message under the name it has now. */
static int find_message(struct maildir *md, struct maildir_message *m,
                        struct stat *st)
{
    for (int chases = 0; !m->gone && chases < MAILDIR_CHASES; chases++) {
        int fd = open_message(md, m, st);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        if (maildir_refresh(&md->list, md->parts) < 0)
            return -1;
    }
    errno = ESTALE;
    return -1;
}

/* What is not what was measured is measured by the next session. Where one
 * message has changed all may have, as when a backup was restored: a client
 * that ends at the first refusal must not need a session for each. */
static void forget_changed(const struct mailbox *mb)
{
    struct maildir *md = maildir_of(mb);
    int saved = errno;

    for (size_t i = 0; i < md->list.count; i++) {
        struct maildir_message *m = &md->list.messages[i];
        struct stat st;
        if (m->measured && !m->gone &&
            fstatat(md->parts[m->part], maildir_name_of(&md->list, m), &st,
                    AT_SYMLINK_NOFOLLOW) == 0)
            m->measured = is_same(m, &st);
    }
    remember(mb);
    errno = saved;
}

static int maildir_fetch(struct mailbox *mb, const struct table *table,
                         uint64_t i)
{
    struct maildir *md = maildir_of(mb);
    struct maildir_message *m = &md->list.messages[i];
    struct stat st;

    (void)table;
    int fd = find_message(md, m, &st);
    if (fd < 0 || is_same(m, &st))
        return fd;
    close(fd);
    if (m->measured)
        forget_changed(mb);
    errno = ESTALE;
    return -1;
}

/* ---- the update ---- */

/* Removes a message's file. Returns 0, or -1 with errno: ENOENT when it does
 * not have this name, ESTALE when something else has. */
static int take_out(const struct maildir *md, const struct maildir_message *m)
{
    const char *name = maildir_name_of(&md->list, m);
    struct stat st;

    if (fstatat(md->parts[m->part], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (is_same(m, &st))
        return unlinkat(md->parts[m->part], name, 0);
    errno = ESTALE;
    return -1;
}

/* Goes over the marked messages that are still there. Returns 0, or the first
 * errno that is in the way; *renamed says that some have another name. */
static int take_out_marked(struct maildir *md, const struct marks *marks,
                           bool *renamed)
{
    int reason = 0;

    *renamed = false;
    for (uint64_t i = 0; i < md->list.count; i++) {
        struct maildir_message *m = &md->list.messages[i];
        if (!marks_has(marks, i) || m->gone)
            continue;
        if (take_out(md, m) == 0)
            m->gone = true;
        else if (errno == ENOENT)
            *renamed = true;
        else if (reason == 0)
            reason = errno;
    }
    return reason;
}

static int sync_parts(const struct maildir *md)
{
    for (int i = 0; i < MAILDIR_PARTS; i++)
        if (md->parts[i] >= 0 && fsync(md->parts[i]) < 0)
            return -1;
    return 0;
}

static bool is_any_gone(const struct maildir *md, const struct marks *marks)
{
    for (uint64_t i = 0; i < md->list.count; i++)
        if (md->list.messages[i].gone && marks_has(marks, i))
            return true;
    return false;
}

/* Goes on as long as others rename what is still to be removed. What was gone
 * may have come back, from the trash. Returns 0 or an errno value. */
static int take_out_all(struct maildir *md, const struct marks *marks)
{
    bool renamed;

    if (is_any_gone(md, marks) && maildir_refresh(&md->list, md->parts) < 0)
        return errno;
    for (int chases = 0; chases < MAILDIR_CHASES; chases++) {
        int reason = take_out_marked(md, marks, &renamed);
        if (!renamed)
            return reason;
        if (maildir_refresh(&md->list, md->parts) < 0)
            return errno;
    }
    return EBUSY;
}

/* Removes what is marked. What others removed first is no error. */
static int remove_marked(struct mailbox *mb, const struct marks *marks)
{
    struct maildir *md = maildir_of(mb);

    if (!mb->writable) {
        errno = EROFS;
        return -1;
    }
    int reason = take_out_all(md, marks);
    if (reason == ESTALE)
        forget_changed(mb);
    if (sync_parts(md) < 0)
        return -1;
    errno = reason;
    return reason == 0 ? 0 : -1;
}

/* Where the file system cannot refuse to replace, what is in the way is looked
 * for first. A link and a removal in the place of the rename would leave a
 * message twice when they are killed between, and not at all when the power
 * fails. */
static void move_looking(int from, const char *name, int to, const char *seen)
{
    struct stat st;

    if (fstatat(to, seen, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        renameat(from, name, to, seen);
}

/* rename(2) would replace a file of that name. */
static void move_to_cur(const struct maildir *md, const char *name)
{
    int from = md->parts[MAILDIR_NEW], to = md->parts[MAILDIR_CUR];
    char seen[256];

    if (maildir_seen_name(name, seen, sizeof seen) == 0 &&
        renameat2(from, name, to, seen, RENAME_NOREPLACE) < 0 &&
        errno == EINVAL)
        move_looking(from, name, to, seen);
}

/* What the client has been told of is new no more. A message that cannot be
 * moved stays, and is as good where it is. */
static void move_seen(const struct maildir *md)
{
    const struct maildir_list *l = &md->list;

    for (size_t i = 0; md->parts[MAILDIR_CUR] >= 0 && i < l->count; i++)
        if (l->messages[i].part == MAILDIR_NEW && !l->messages[i].gone)
            move_to_cur(md, maildir_name_of(l, &l->messages[i]));
}

static int maildir_update(struct mailbox *mb, const struct table *table,
                          const struct marks *marks)
{
    (void)table;
    int result = marks->marked > 0 ? remove_marked(mb, marks) : 0;
    int saved = errno;

    if (result == 0 && !mb->read_only)
        move_seen(maildir_of(mb));
    errno = saved;
    return result;
}

const struct mailbox_format maildir_format = {
    .name = "maildir",
    .tree = true,
    .open = maildir_open,
    .recover = maildir_recover,
    .scan = maildir_scan,
    .identify = maildir_identify,
    .fetch = maildir_fetch,
    .update = maildir_update,
    .close = maildir_close,
};
