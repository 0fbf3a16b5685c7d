/*
 * Goal: with its index a mailbox is what a fresh scan finds, whatever happened
 * to both in the meantime.
 *
 * Random histories, told by their seeds: deliveries (of copies, too, and of
 * bodies full of "From " lines), edits by others (of another size, of the same
 * size, deletions, a backup put back into the file or in its place), deletions
 * by us, clocks that stand still or step, and indexes that are cut, torn, lost,
 * older than they should be, or no files. After each step a session opens the
 * mailbox by its index, and everything it says is compared with a scan that
 * knows no index.
 *
 * One thing cannot be seen without reading everything: an edit in the middle
 * followed by a delivery, with no session between them. There the counts may be
 * old; but then each message that is not as the index says must be refused when
 * it is confirmed, nothing but what the client was shown may be deleted, and
 * the refusal must be the end of that index.
 *
 * The real spool code works on real files; their times come from this file (the
 * linker's --wrap). Run without argument: the bounded part; or with the number
 * of histories, and a seed to begin with.
 */

#include "base/checksum.h"
#include "spool/index.h"
#include "spool/mbox.h"
#include "spool/mbox_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BOUNDED = 400,  /* histories */
    STEPS = 40,     /* of each */
    MOST = 1 << 20, /* octets of a mailbox */
};

#define SECOND 1000000000LL

/* ---- the clock, and the times of the mailbox ---- */

struct world {
    int64_t now, grain; /* nanoseconds */
    int64_t modified, changed;
    ino_t mail;
};

static struct world *world; /* shared with the worker of an update */

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
ssize_t __real_pwrite(int fd, const void *from, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

static struct timespec timespec_of(int64_t at)
{
    return (struct timespec){.tv_sec = at / SECOND, .tv_nsec = at % SECOND};
}

/* The mailbox has been written to, at the clock's last tick. */
static void touch(void)
{
    world->modified = world->changed = world->now - world->now % world->grain;
}

static bool is_mail(int fd)
{
    struct stat st;

    return __real_fstat(fd, &st) == 0 && st.st_ino == world->mail;
}

int __wrap_fstat(int fd, struct stat *st)
{
    int result = __real_fstat(fd, st);

    if (result == 0 && st->st_ino == world->mail) {
        st->st_mtim = timespec_of(world->modified);
        st->st_ctim = timespec_of(world->changed);
    }
    return result;
}

int __wrap_ftruncate(int fd, off_t size)
{
    if (is_mail(fd))
        touch();
    return __real_ftruncate(fd, size);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at)
{
    if (is_mail(fd))
        touch();
    return __real_pwrite(fd, from, len, at);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    if (id != CLOCK_REALTIME)
        return __real_clock_gettime(id, t);
    *t = timespec_of(world->now);
    return 0;
}

int __wrap_fsync(int fd)
{
    (void)fd;
    return 0;
}

int __wrap_fdatasync(int fd)
{
    (void)fd;
    return 0;
}

/* ---- chance, and complaints ---- */

static uint64_t seed, state;
static const char *step = "start";
static unsigned number;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)((state >> 11) % limit);
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "seed %llu, step %u (%s): %s: %m\n",
            (unsigned long long)seed, number, step, what);
    abort();
}

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            fail(#condition);                                                  \
    } while (0)

/* ---- the mailbox as others see it ---- */

struct text {
    char octets[MOST];
    size_t len;
};

static struct text mail, backup, before_update;
static char directory[] = "/tmp/restante-histories-XXXXXX";
static int at = -1; /* the directory, of everything */

static void write_whole(const char *name, const void *from, size_t len)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    MUST(fd >= 0 && write(fd, from, len) == (ssize_t)len);
    close(fd);
}

static size_t read_whole(const char *name, void *to, size_t size)
{
    int fd = openat(at, name, O_RDONLY | O_NONBLOCK);
    ssize_t len = fd < 0 ? 0 : read(fd, to, size);

    if (fd >= 0)
        close(fd);
    return len < 0 ? 0 : (size_t)len;
}

static void find_inode(void)
{
    struct stat st;

    MUST(fstatat(at, "mail", &st, 0) == 0);
    world->mail = st.st_ino;
}

/* Others write the mailbox as it should be. */
static void save_mail(void)
{
    write_whole("mail", mail.octets, mail.len);
    find_inode();
    touch();
}

static void add(const char *octets, size_t len)
{
    if (mail.len + len > MOST)
        return;
    memcpy(mail.octets + mail.len, octets, len);
    mail.len += len;
}

static void add_text(const char *text)
{
    add(text, strlen(text));
}

static const char *const from_lines[] = {
    "From alice@example.org Mon Jan  1 00:00:00 2024\n",
    "From bob Tue Feb 13 1:02 2024\n",
    "From carol@example.net Sun Dec 31 23:59:59 2023\r\n",
};

static void add_body_line(const char *end)
{
    static const char *const lines[] = {
        "",
        "text",
        ".",
        "From here on",
        "From alice Mon Jan  1 00:00:00 2024",
        ">From me",
        "F",
        "\r",
        "a longer line of text, as people write them"};

    add_text(lines[below(sizeof lines / sizeof *lines)]);
    add_text(end);
}

/* Small numbers on purpose: copies must happen. */
static void add_message(void)
{
    char header[200];
    const char *end = below(5) == 0 ? "\r\n" : "\n";

    if (mail.len > 0 && below(20) != 0)
        add_text("\n");
    add_text(from_lines[below(3)]);
    snprintf(header, sizeof header,
             "Message-ID: <%zu@example.org>%sDate: today%s%s", below(12), end,
             end, end);
    add_text(header);
    for (size_t lines = below(4) == 0 ? below(300) : below(8); lines > 0;
         lines--)
        add_body_line(end);
    if (below(4) == 0)
        add_text(below(2) ? "\n\nFrom \n\nFrom \n" : "no line end");
}

/* ---- what a scan finds that knows no index ---- */

struct list {
    struct message messages[16384];
    uint64_t count, octets;
};

static struct list fresh;

static int note(void *context, const struct message *m)
{
    struct list *l = context;

    MUST(l->count < sizeof l->messages / sizeof *l->messages);
    l->messages[l->count++] = *m;
    l->octets += m->wire;
    return 0;
}

static void look_freshly(void)
{
    struct mbox_parser p;

    fresh.count = fresh.octets = 0;
    mbox_parse_start(&p, note, &fresh);
    mbox_parse(&p, mail.octets, mail.len);
    mbox_parse_end(&p);
}

/* ---- a session ---- */

static int take_dotlock(struct dotlocker *d)
{
    (void)d;
    return 0;
}

static void release_dotlock(struct dotlocker *d)
{
    (void)d;
}

static struct dotlocker dotlocker = {take_dotlock, release_dotlock, NULL};

static void open_session(struct mailbox *mb)
{
    *mb = (struct mailbox){.format = &mbox_format,
                           .directory = at,
                           .name = "mail",
                           .owner = geteuid(),
                           .state = at,
                           .record = "record",
                           .size_limit = UINT64_MAX,
                           .twins = "twins",
                           .index = "index",
                           .dotlocker = &dotlocker,
                           .fd = -1};
    MUST(mbox_format.open(mb) == 0 && mbox_format.recover(mb) == 0);
}

static void close_session(struct mailbox *mb)
{
    close(mb->fd);
    mb->fd = -1;
}

/* Lists the mailbox. Returns false when the session may not go on. */
static bool list(struct mailbox *mb, struct table *table)
{
    static struct table_writer w;
    uint64_t count = 0;

    MUST(table_write_start(&w) == 0);
    if (mbox_format.scan(mb, &w, &count) < 0) {
        MUST(errno == ESTALE && mb->recalled);
        table_write_drop(&w);
        return false;
    }
    int fd = table_write_end(&w);
    *table = (struct table){0};
    MUST(fd >= 0 && table_map(fd, count, table) == 0);
    close(fd);
    return true;
}

static bool index_is_there(void)
{
    struct stat st;

    return fstatat(at, "index", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode);
}

/* ---- what is checked after each step ---- */

static bool others_changed; /* the middle, since all of it was read */
static bool grown;          /* since then it may have become larger */
static bool forged;         /* the index is not what a session left */
static uint64_t recalled, undetected, refused;

static bool same_message(const struct message *a, const struct message *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* Is the message among those that are there? */
static bool is_there(const struct message *m)
{
    for (uint64_t i = 0; i < fresh.count; i++)
        if (same_message(&fresh.messages[i], m))
            return true;
    return false;
}

/* What would be served without a question must be right; what is confirmed
 * must be octet by octet what was scanned once. */
static bool check_messages(struct mailbox *mb, const struct table *table)
{
    bool all_right = table->count == fresh.count;

    for (uint64_t i = 0; i < table->count; i++) {
        const struct message *m = &table->messages[i];
        if (i >= mb->unverified) {
            MUST(is_there(m));
        } else if (!is_there(m)) {
            all_right = false;
        }
        if (i < fresh.count && !same_message(m, &fresh.messages[i]))
            all_right = false;
    }
    return all_right;
}

/* A client asks for the messages that are not right: each is refused, or still
 * holds every octet that it held. */
static void ask_for_wrong_ones(struct mailbox *mb, const struct table *table)
{
    bool gone = false;

    for (uint64_t i = 0; i < table->count; i++) {
        const struct message *m = &table->messages[i];
        if (is_there(m))
            continue;
        if (mbox_format.confirm(mb, m) < 0) {
            MUST(errno == ESTALE || errno == ENODATA);
            gone = true;
        } else {
            MUST(checksum_of(mail.octets + m->start,
                             message_end(m) - m->start) == m->check);
        }
    }
    refused += gone;
    if (gone)
        MUST(!index_is_there());
}

static void check_once(bool must_be_right)
{
    struct mailbox mb;
    struct table table;
    uint64_t count = 0, octets = 0;

    open_session(&mb);
    int knew = mbox_format.recall(&mb, &count, &octets);
    MUST(knew >= 0);
    recalled += (uint64_t)knew;
    if (knew == 0)
        others_changed = grown = forged = false;
    if (list(&mb, &table)) {
        MUST(knew == 0 || (table.count == count && table.octets == octets));
        if (!check_messages(&mb, &table)) {
            MUST(!must_be_right && ((others_changed && grown) || forged));
            undetected++;
            ask_for_wrong_ones(&mb, &table);
        }
        table_unmap(&table);
    } else {
        MUST(!must_be_right && forged && !index_is_there());
    }
    close_session(&mb);
}

static void check_all(void)
{
    look_freshly();
    check_once(!others_changed && !forged);
    if (!index_is_there())
        check_once(true); /* as it must be without one */
}

/* ---- steps ---- */

static void deliver(void)
{
    for (size_t n = below(3) + 1; n > 0; n--)
        add_message();
    grown = true;
    save_mail();
}

static void edit_some(void)
{
    size_t where = below(mail.len), cut = below(200);

    if (cut > mail.len - where)
        cut = mail.len - where;
    memmove(mail.octets + where, mail.octets + where + cut,
            mail.len - where - cut);
    mail.len -= cut;
    others_changed = true;
    save_mail();
}

static void edit_same_size(void)
{
    for (size_t n = below(3) + 1; n > 0; n--) {
        char *octet = &mail.octets[below(mail.len)];
        *octet = "\nF.\rx"[below(5)];
    }
    others_changed = true;
    save_mail();
}

/* The whole of a From_ line's empty line goes, or comes: messages join, or
 * part. */
static void edit_boundary(void)
{
    look_freshly();
    if (fresh.count < 2)
        return;
    const struct message *m = &fresh.messages[1 + below(fresh.count - 1)];
    mail.octets[m->start] = below(2) ? 'f' : 'F';
    if (m->start > 1)
        mail.octets[m->start - 1] = below(2) ? 'x' : '\n';
    others_changed = true;
    save_mail();
}

static void others_delete(void)
{
    look_freshly();
    if (fresh.count == 0)
        return;
    const struct message *m = &fresh.messages[below(fresh.count)];
    size_t end = (size_t)message_end(m);
    memmove(mail.octets + m->start, mail.octets + end, mail.len - end);
    mail.len -= end - (size_t)m->start;
    others_changed = true;
    save_mail();
}

static void keep_backup(void)
{
    memcpy(&backup, &mail, sizeof mail);
}

static void restore_backup(void)
{
    grown = grown || backup.len > mail.len;
    memcpy(&mail, &backup, sizeof mail);
    others_changed = true;
    if (below(2)) {
        write_whole("mail.new", mail.octets, mail.len);
        MUST(renameat(at, "mail.new", at, "mail") == 0);
        find_inode();
        touch();
        world->modified -= (int64_t)below(100000) * SECOND;
    } else {
        save_mail();
    }
}

/* The octets that must be left when the marked messages are gone. */
static void expect_without(const struct table *t, const struct marks *marks)
{
    size_t to = 0, from = 0;

    memcpy(&before_update, &mail, sizeof mail);
    for (uint64_t i = 0; i <= t->count; i++) {
        size_t stop = i < t->count ? (size_t)t->messages[i].start : mail.len;
        if (i < t->count && !marks_has(marks, i))
            continue;
        memmove(mail.octets + to, before_update.octets + from, stop - from);
        to += stop - from;
        from = i < t->count ? (size_t)message_end(&t->messages[i]) : stop;
    }
    mail.len = to;
}

static void check_file(void)
{
    size_t len = read_whole("mail", before_update.octets, MOST);

    MUST(len == mail.len &&
         memcmp(before_update.octets, mail.octets, len) == 0);
}

static void mark_some(struct marks *marks)
{
    size_t how = below(4);

    for (uint64_t i = 0; i < marks->count; i++)
        if (how == 0 || (how == 1 && i + 1 == marks->count) ||
            (how > 1 && below(4) == 0))
            marks_add(marks, i);
}

static void we_delete(void)
{
    static struct text kept;
    struct mailbox mb;
    struct table table;
    struct marks marks;
    uint64_t count, octets;

    open_session(&mb);
    MUST(mbox_format.recall(&mb, &count, &octets) >= 0);
    if (!list(&mb, &table)) {
        close_session(&mb);
        return;
    }
    bool joined = below(3) == 0; /* it may touch the last message */
    if (joined)
        deliver();
    MUST(marks_make(&marks, table.count) == 0);
    mark_some(&marks);
    memcpy(&kept, &mail, sizeof mail);
    expect_without(&table, &marks);
    if (mbox_format.update(&mb, &table, &marks) < 0) {
        MUST(errno == ESTALE && (others_changed || forged || joined));
        memcpy(&mail, &kept, sizeof mail);
        MUST(!index_is_there());
    }
    check_file();
    marks_free(&marks);
    table_unmap(&table);
    close_session(&mb);
}

/* It stands, runs, or is set. A clock that is set to the very tick at which the
 * mailbox was written once before is beyond what times can tell. */
static void set_clock(void)
{
    static const int64_t steps[] = {0,          1000000,    SECOND,
                                    3 * SECOND, 9 * SECOND, 60 * SECOND};
    size_t which = below(13);
    int64_t jump =
        (int64_t)(1 + below(1000000)) * SECOND + (int64_t)below(SECOND);

    if (which < 10)
        world->now += steps[which < 6 ? which : 3 + which % 3];
    else if (which < 12)
        world->now -= which == 10 ? jump : (int64_t)below(3 * SECOND);
    else
        world->now += jump;
}

/* ---- an index that is not what a session left ---- */

static char octets[1 << 20];

static void break_index(void)
{
    static char older[1 << 20];
    static size_t older_len;
    size_t len = read_whole("index", octets, sizeof octets);

    bool before = forged;

    forged = true;
    unlinkat(at, "index", 0);
    switch (below(7)) {
    case 0:
        break;
    case 1:
        write_whole("index", octets, below(len + 1));
        break;
    case 2:
        memset(octets + len, 7, 100);
        write_whole("index", octets, len + 100);
        break;
    case 3:
        for (size_t n = below(4) + 1; n > 0 && len > 0; n--)
            octets[below(len)] ^= (char)(1 << below(8));
        write_whole("index", octets, len);
        break;
    case 4:
        MUST(symlinkat("mail", at, "index") == 0);
        break;
    case 5:
        memcpy(older, octets, len);
        older_len = len;
        write_whole("index", octets, len);
        forged = before;
        break;
    default:
        write_whole("index", older, older_len);
    }
}

/* ---- UIDLs ---- */

/* Every message that was there before and is there now, in the same order
 * among its copies, keeps its UIDL through deliveries and our deletions. Here
 * the plainest part is asked: the index says what no index says. */
static size_t identify(const char *index, char *uidls, size_t size)
{
    static struct table_writer w;
    struct mailbox mb;
    struct table table;
    uint64_t count, sum;
    uint32_t stride = 0;
    size_t len = 0;

    open_session(&mb);
    mb.index = index;
    MUST(mbox_format.recall(&mb, &count, &sum) >= 0);
    if (list(&mb, &table)) {
        MUST(table_write_start(&w) == 0);
        if (mbox_format.identify(&mb, &table, &w, &stride) == 0) {
            int fd = table_write_end(&w);
            ssize_t n = fd < 0 ? -1 : pread(fd, uidls, size, 0);
            len = n < 0 ? 0 : (size_t)n;
            close(fd);
        } else {
            MUST(errno == ESTALE);
            table_write_drop(&w);
        }
        table_unmap(&table);
    }
    close_session(&mb);
    return len;
}

static void ask_uidls(void)
{
    static char with[1 << 20], without[1 << 20];

    size_t a = identify("index", with, sizeof with);
    size_t b = identify(NULL, without, sizeof without);
    if (!others_changed && !forged)
        MUST(a == b && memcmp(with, without, a) == 0);
}

/* ---- histories ---- */

static const struct {
    const char *name;
    void (*take)(void);
    unsigned weight;
} steps[] = {
    {"delivery", deliver, 8},
    {"session", ask_uidls, 4},
    {"our deletion", we_delete, 5},
    {"edit", edit_some, 1},
    {"edit of the same size", edit_same_size, 2},
    {"edit of a boundary", edit_boundary, 1},
    {"others' deletion", others_delete, 1},
    {"backup", keep_backup, 1},
    {"restored backup", restore_backup, 1},
    {"clock", set_clock, 2},
    {"broken index", break_index, 2},
};

static void take_step(void)
{
    size_t all = 0, n;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        all += steps[i].weight;
    n = below(all);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (n >= steps[i].weight) {
            n -= steps[i].weight;
            continue;
        }
        if (mail.len == 0 && steps[i].take != deliver)
            return;
        step = steps[i].name;
        steps[i].take();
        return;
    }
}

static void clear(void)
{
    static const char *const names[] = {"mail",      "mail.new", "index",
                                        "index.new", "twins",    "twins.new",
                                        "record"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(at, names[i], 0);
}

static void live(uint64_t which)
{
    seed = which;
    state = which * 0x9e3779b97f4a7c15ULL + 1;
    clear();
    mail.len = backup.len = 0;
    others_changed = grown = forged = false;
    world->now = 1700000000 * SECOND;
    world->grain = below(2) ? SECOND : 4000000;
    for (size_t n = below(40); n > 0; n--)
        add_message();
    save_mail();
    for (number = 0; number < STEPS; number++) {
        take_step();
        set_clock();
        if (below(3) != 0)
            check_all();
    }
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : BOUNDED;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(world != MAP_FAILED && mkdtemp(directory) != NULL);
    at = open(directory, O_RDONLY | O_DIRECTORY);
    MUST(at >= 0);
    for (uint64_t i = 0; i < count; i++)
        live(first + i);
    clear();
    close(at);
    rmdir(directory);
    printf("%llu histories of %d steps: %llu sessions by the index, %llu of "
           "them with an edit nobody can see, %llu refused\n",
           (unsigned long long)count, STEPS, (unsigned long long)recalled,
           (unsigned long long)undetected, (unsigned long long)refused);
    return 0;
}
