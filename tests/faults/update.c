/*
 * Goal: whatever happens to an update of an mbox, and whenever, every kept
 * message is there exactly once and byte-identical after the recovery.
 *
 * The real spool code runs in a process of its own over real files. The calls
 * that change files go through this file (the linker's --wrap), which kills,
 * fails or shortens the k-th of them, for every k; or records them all, so
 * that power cuts can be played back with un-synced data, sizes or a random
 * part of the pages dropped. After each a fresh process recovers (and is hit
 * in turn), and a parser that knows nothing of the spool's judges.
 *
 * Run without argument: the bounded part. "full": everything.
 */

#include "spool/mbox.h"
#include "spool/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the faults ---- */

enum fault {
    FAULT_NONE,
    KILL_BEFORE, /* both processes, before the call */
    KILL_HALF,   /* both, half-way through a write */
    KILL_CHILD,  /* the working child alone: its parent finishes */
    FAIL_EIO,
    FAIL_ENOSPC,
    FAIL_EINTR,
    FAIL_SHORT,
    FAULTS
};

static const char *const fault_names[FAULTS] = {
    "none", "kill before", "kill half-way", "kill child",
    "EIO",  "ENOSPC",      "EINTR",         "short write"};

enum file {
    FILE_OTHER,
    FILE_MAIL,
    FILE_RECORD
};
enum kind {
    OP_WRITE,
    OP_SIZE,
    OP_SYNC
};

struct op {
    enum kind kind;
    enum file file;
    uint64_t at, len; /* OP_SIZE: at is the new size */
    uint64_t data;    /* where its octets are in shared->data */
};

enum {
    OPS_MOST = 20000
};
#define DATA_MOST (1ULL << 30)

struct shared {
    unsigned calls, fault_at;
    enum fault fault;
    bool full_disk;    /* no room is ever reserved */
    bool no_fallocate; /* the file system does not know the call */
    bool no_record;    /* no slot of the record is ever written */
    bool recording;
    ino_t mail, record;
    unsigned ops;
    struct op op[OPS_MOST];
    uint64_t data_len;
    char *data;
};

static struct shared *shared;

ssize_t __real_pwrite(int fd, const void *from, size_t len, off_t at);
int __real_ftruncate(int fd, off_t size);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_fallocate(int fd, int mode, off_t at, off_t len);
ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fallocate(int fd, int mode, off_t at, off_t len);

static enum file file_of(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return FILE_OTHER;
    if (st.st_ino == shared->mail)
        return FILE_MAIL;
    return S_ISREG(st.st_mode) ? FILE_RECORD : FILE_OTHER;
}

static void record_op(enum kind kind, int fd, uint64_t at, const void *from,
                      uint64_t len)
{
    struct op op = {kind, file_of(fd), at, len, shared->data_len};

    if (!shared->recording || op.file == FILE_OTHER)
        return;
    if (shared->ops == OPS_MOST || shared->data_len + len > DATA_MOST)
        abort();
    if (from != NULL) {
        memcpy(shared->data + shared->data_len, from, len);
        shared->data_len += len;
    }
    shared->op[shared->ops++] = op;
}

static void die_all(void)
{
    if (getpgrp() != getpid())
        kill(0, SIGKILL); /* the session's whole process group */
    kill(getpid(), SIGKILL);
}

/* Is this call the one to be hit? Kills are done here; a failure is left to
 * the caller. */
static bool hit(void)
{
    if (++shared->calls != shared->fault_at)
        return false;
    if (shared->fault == KILL_BEFORE)
        die_all();
    if (shared->fault == KILL_CHILD)
        kill(getpid(), SIGKILL);
    return true;
}

static int error_of(enum fault fault)
{
    return fault == FAIL_ENOSPC ? ENOSPC : fault == FAIL_EINTR ? EINTR : EIO;
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at)
{
    if (shared->no_record && len >= 8 && memcmp(from, "restant1", 8) == 0)
        return (ssize_t)len;
    if (hit()) {
        if (shared->fault == KILL_HALF || shared->fault == FAIL_SHORT)
            len = (len + 1) / 2;
        if (shared->fault == KILL_HALF) {
            if (__real_pwrite(fd, from, len, at) < 0)
                abort();
            die_all();
        }
        if (shared->fault != FAIL_SHORT) {
            errno = error_of(shared->fault);
            return -1;
        }
    }
    record_op(OP_WRITE, fd, (uint64_t)at, from, len);
    return __real_pwrite(fd, from, len, at);
}

static int fail_or(int (*call)(int), int fd)
{
    if (hit() && shared->fault != KILL_HALF && shared->fault != FAIL_SHORT &&
        shared->fault != FAIL_EINTR) {
        errno = error_of(shared->fault);
        return -1;
    }
    record_op(OP_SYNC, fd, 0, NULL, 0);
    return call(fd);
}

int __wrap_fsync(int fd)
{
    return fail_or(__real_fsync, fd);
}

int __wrap_fdatasync(int fd)
{
    return fail_or(__real_fdatasync, fd);
}

int __wrap_ftruncate(int fd, off_t size)
{
    if (hit() && (shared->fault == FAIL_EIO || shared->fault == FAIL_ENOSPC)) {
        errno = EIO;
        return -1;
    }
    record_op(OP_SIZE, fd, (uint64_t)size, NULL, 0);
    return __real_ftruncate(fd, size);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t len)
{
    struct stat st;

    if (shared->full_disk || shared->no_fallocate) {
        errno = shared->full_disk ? ENOSPC : EOPNOTSUPP;
        return -1;
    }
    if (hit() && (shared->fault == FAIL_EIO || shared->fault == FAIL_ENOSPC)) {
        errno = error_of(shared->fault);
        return -1;
    }
    int result = __real_fallocate(fd, mode, at, len);
    if (result == 0 && fstat(fd, &st) == 0)
        record_op(OP_SIZE, fd, (uint64_t)st.st_size, NULL, 0);
    return result;
}

/* ---- the mailbox under test ---- */

enum {
    MESSAGES_MOST = 64
};

struct text {
    char *at;
    size_t len;
};

static struct text messages[MESSAGES_MOST + 1]; /* the last: a delivery */
static unsigned count;
static bool doomed[MESSAGES_MOST];
static char scratch[64];
static int directory;

static void make_message(unsigned i, size_t body)
{
    char head[200];
    int len = snprintf(head, sizeof head,
                       "From m%u@example Mon Jan  1 00:00:%02u 2024\n"
                       "X-Id: %u\n\n",
                       i, i % 60, i);
    messages[i].len = (size_t)len + body + 2;
    messages[i].at = malloc(messages[i].len);
    memcpy(messages[i].at, head, (size_t)len);
    for (size_t at = 0; at < body; at++)
        messages[i].at[(size_t)len + at] =
            at % 61 == 60 ? '\n'
                          : (char)('a' + (at * 7 + i * 13 + at / 61) % 26);
    memcpy(messages[i].at + messages[i].len - 2, "\n\n", 2);
}

static void make_mailbox(unsigned n, size_t (*size)(unsigned))
{
    for (unsigned i = 0; i <= MESSAGES_MOST; i++)
        free(messages[i].at);
    memset(messages, 0, sizeof messages);
    count = n;
    for (unsigned i = 0; i < n; i++)
        make_message(i, size(i));
    make_message(MESSAGES_MOST, 500);
}

static size_t tiny(unsigned i)
{
    return 20 + i;
}

static size_t mixed(unsigned i)
{
    return i % 5 == 0 ? 90000 + i : 300 + 17 * i;
}

static size_t large(unsigned i)
{
    return i == 1 ? 9500000 : i == 3 ? 3000000 : i == 0 ? 1200000 : 5000;
}

static size_t equal(unsigned i)
{
    (void)i;
    return 5000;
}

static void write_file(const char *name, const char *octets, size_t len)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT, 0600);

    if (fd < 0 || __real_ftruncate(fd, 0) < 0)
        abort();
    for (size_t done = 0; done < len;) {
        ssize_t n = __real_pwrite(fd, octets + done, len - done, (off_t)done);
        if (n <= 0)
            abort();
        done += (size_t)n;
    }
    close(fd);
}

static struct text read_file(const char *name)
{
    struct stat st;
    struct text text = {NULL, 0};
    int fd = openat(directory, name, O_RDONLY);

    if (fd < 0)
        return text;
    if (fstat(fd, &st) < 0)
        abort();
    text.len = (size_t)st.st_size;
    text.at = malloc(text.len + 1);
    if (read(fd, text.at, text.len) != (ssize_t)text.len)
        abort();
    close(fd);
    return text;
}

static void lay_out(void)
{
    struct text all = {NULL, 0};
    struct stat st;

    for (unsigned i = 0; i < count; i++)
        all.len += messages[i].len;
    all.at = malloc(all.len);
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        memcpy(all.at + at, messages[i].at, messages[i].len);
        at += messages[i].len;
    }
    unlinkat(directory, "record", 0);
    write_file("mail", all.at, all.len);
    free(all.at);
    if (fstatat(directory, "mail", &st, 0) < 0)
        abort();
    shared->mail = st.st_ino;
}

static void deliver(void)
{
    int fd = openat(directory, "mail", O_WRONLY | O_APPEND);
    const struct text *m = &messages[MESSAGES_MOST];

    if (fd < 0 || write(fd, m->at, m->len) != (ssize_t)m->len)
        abort();
    close(fd);
}

/* ---- sessions ---- */

static int no_dotlock(struct dotlocker *self)
{
    (void)self;
    return 0;
}

static void no_release(struct dotlocker *self)
{
    (void)self;
}

/* What the keeper does, with or without a COMMIT. */
static int open_and_remove(bool remove)
{
    struct dotlocker dotlocker = {no_dotlock, no_release};
    struct mailbox mb = {.format = &mbox_format,
                         .directory = directory,
                         .name = "mail",
                         .owner = geteuid(),
                         .state = directory,
                         .record = "record",
                         .twins = "twins",
                         .size_limit = UINT64_MAX,
                         .dotlocker = &dotlocker,
                         .fd = -1};
    static struct table_writer w;
    struct table table;
    struct marks marks;
    uint64_t found;

    if (mb.format->open(&mb) < 0 || mb.format->recover(&mb) < 0 ||
        table_write_start(&w) < 0 || mb.format->scan(&mb, &w, &found) < 0)
        return 1;
    if (!remove)
        return 0;
    int fd = table_write_end(&w);
    if (found != count || table_map(fd, found, &table) < 0 ||
        marks_make(&marks, found) < 0)
        return 2;
    for (unsigned i = 0; i < count; i++)
        if (doomed[i])
            marks_add(&marks, i);
    return mb.format->update(&mb, &table, &marks) < 0 ? 3 : 0;
}

/* Runs a session with a fault at the k-th call. Returns its exit status, or
 * -1 when it was killed. */
static int run(bool remove, enum fault fault, unsigned k)
{
    int status;

    shared->calls = 0;
    shared->fault = fault;
    shared->fault_at = fault == FAULT_NONE ? 0 : k;
    pid_t leader = fork();
    if (leader < 0)
        abort();
    if (leader == 0) {
        setpgid(0, 0);
        pid_t session = fork(); /* so that no session leads its group */
        if (session == 0)
            _exit(open_and_remove(remove));
        waitpid(session, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    waitpid(leader, &status, 0);
    shared->fault_at = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the judge ---- */

struct verdict {
    unsigned points, lost, doubled, torn;
};

/* Reads the mailbox as a sequence of the messages it may hold, by their own
 * first line; knows nothing of separators or tables. */
static void judge(struct verdict *v, bool delivered)
{
    unsigned seen[MESSAGES_MOST + 1] = {0};
    struct text mail = read_file("mail");
    size_t at = 0;
    bool torn = false;

    v->points++;
    while (at < mail.len && !torn) {
        unsigned id = MESSAGES_MOST + 1;
        if (sscanf(mail.at + at, "From m%u@", &id) != 1 || id > MESSAGES_MOST ||
            messages[id].len > mail.len - at ||
            memcmp(mail.at + at, messages[id].at, messages[id].len) != 0)
            torn = true;
        else {
            seen[id]++;
            at += messages[id].len;
        }
    }
    bool lost = false, doubled = false;
    for (unsigned i = 0; i < count; i++) {
        lost |= !doomed[i] && seen[i] == 0;
        doubled |= seen[i] > 1;
    }
    lost |= delivered && seen[MESSAGES_MOST] == 0;
    doubled |= seen[MESSAGES_MOST] > 1;
    v->lost += lost;
    v->doubled += doubled;
    v->torn += torn;
    free(mail.at);
}

static bool clean(const struct verdict *v)
{
    return v->lost == 0 && v->doubled == 0 && v->torn == 0;
}

/* ---- what is tried ---- */

static void doom_first(void)
{
    doomed[0] = true;
}

static void doom_last(void)
{
    doomed[count - 1] = true;
}

static void doom_all(void)
{
    memset(doomed, true, sizeof doomed);
}

static void doom_odd(void)
{
    for (unsigned i = 0; i < count; i += 2)
        doomed[i] = true;
}

static void doom_all_but_last(void)
{
    doom_all();
    doomed[count - 1] = false;
}

static void doom_second(void)
{
    doomed[1] = true;
}

static void doom_random(void)
{
    for (unsigned i = 0; i < count; i++)
        doomed[i] = rand() % 3 == 0;
    doomed[count / 2] = true;
}

struct pattern {
    const char *name;
    void (*doom)(void);
};

static const struct pattern patterns[] = {
    {"first", doom_first},   {"last", doom_last},
    {"all", doom_all},       {"odd", doom_odd},
    {"second", doom_second}, {"all but last", doom_all_but_last},
    {"random", doom_random},
};

enum {
    PATTERNS = sizeof patterns / sizeof *patterns
};

static void choose(const struct pattern *p)
{
    memset(doomed, 0, sizeof doomed);
    p->doom();
}

static unsigned calls_of(bool full_disk)
{
    shared->full_disk = full_disk;
    lay_out();
    run(true, FAULT_NONE, 0);
    return shared->calls;
}

/* Every call is hit, or each n-th; when thorough, calls of the recovery are hit
 * in turn. */
static void hit_calls(struct verdict *v, enum fault fault, bool full_disk,
                      bool thorough, unsigned each)
{
    unsigned calls = calls_of(full_disk);

    /* Where not every call is hit, another one each time. */
    for (unsigned k = 1 + v->points % each; k <= calls; k += each) {
        bool delivery = (k & 1) != 0;
        lay_out();
        run(true, fault, k);
        if (delivery)
            deliver();
        for (unsigned j = 1; thorough && j < 12; j++)
            run(false, j & 1 ? KILL_HALF : KILL_BEFORE, j);
        run(false, FAULT_NONE, 0);
        judge(v, delivery);
    }
    shared->full_disk = false;
}

/* ---- power cuts ---- */

struct image {
    char *at;
    uint64_t len, room;
};

static void image_size(struct image *i, uint64_t len)
{
    if (len > i->room) {
        i->at = realloc(i->at, len);
        memset(i->at + i->room, 0, len - i->room);
        i->room = len;
    }
    if (len < i->len)
        memset(i->at + len, 0, i->len - len);
    i->len = len;
}

static void image_write(struct image *i, const struct op *op, bool whole)
{
    enum {
        PAGE = 4096
    };

    for (uint64_t done = 0; done < op->len;) {
        uint64_t part = PAGE - (op->at + done) % PAGE;
        if (part > op->len - done)
            part = op->len - done;
        if ((whole || rand() % 2) && op->at + done + part > i->len)
            image_size(i, op->at + done + part);
        if (op->at + done + part <= i->len && (whole || rand() % 2))
            memcpy(i->at + op->at + done, shared->data + op->data + done, part);
        done += part;
    }
}

/* How much of what was not synced reaches the disk. */
enum power {
    POWER_NOTHING,
    POWER_DATA,
    POWER_SIZES,
    POWER_RANDOM,
    POWERS
};

static bool is_synced(unsigned i, unsigned cut)
{
    for (unsigned j = i + 1; j < cut; j++)
        if (shared->op[j].kind == OP_SYNC &&
            shared->op[j].file == shared->op[i].file)
            return true;
    return false;
}

static void play(struct image *image, const struct op *op, bool synced,
                 enum power power)
{
    bool random = power == POWER_RANDOM;

    if (op->kind == OP_WRITE && (synced || power == POWER_DATA || random))
        image_write(image, op, synced || !random);
    if (op->kind == OP_SIZE &&
        (synced || power == POWER_SIZES || (random && rand() % 2)))
        image_size(image, op->at);
}

static void cut_power(struct verdict *v, const struct text *before,
                      unsigned cut, enum power power)
{
    struct image images[3] = {{NULL, 0, 0}};
    struct image *mail = &images[FILE_MAIL], *record = &images[FILE_RECORD];

    image_size(mail, before->len);
    memcpy(mail->at, before->at, before->len);
    for (unsigned i = 0; i < cut; i++)
        play(&images[shared->op[i].file], &shared->op[i], is_synced(i, cut),
             power);
    write_file("mail", mail->at, mail->len);
    write_file("record", record->at, record->len);
    free(mail->at);
    free(record->at);
    if (cut & 1)
        deliver();
    run(false, FAULT_NONE, 0);
    judge(v, cut & 1);
}

static void cut_everywhere(struct verdict *v, bool full_disk, unsigned seeds,
                           unsigned each)
{
    shared->full_disk = full_disk;
    lay_out();
    struct text before = read_file("mail");
    shared->ops = 0;
    shared->data_len = 0;
    shared->recording = true;
    run(true, FAULT_NONE, 0);
    shared->recording = false;
    unsigned ops = shared->ops;
    for (unsigned cut = 0; cut <= ops; cut += each) {
        for (int power = 0; power < POWER_RANDOM; power++)
            cut_power(v, &before, cut, (enum power)power);
        for (unsigned seed = 0; seed < seeds; seed++)
            cut_power(v, &before, cut, POWER_RANDOM);
    }
    free(before.at);
    shared->full_disk = false;
}

/* ---- foreign hands between crash and recovery ---- */

/* Somebody rewrites the torn mailbox in place, as a mail reader does that
 * found something in it. Recovery must leave it as it is, or finish the
 * update as if nothing had been. */
static void rewrite_between(struct verdict *v)
{
    unsigned calls = calls_of(false);

    for (unsigned k = 1; k <= calls; k++) {
        lay_out();
        run(true, KILL_HALF, k);
        struct text torn = read_file("mail");
        size_t cut = messages[0].len < torn.len ? messages[0].len : 0;
        write_file("mail", torn.at + cut, torn.len - cut);
        struct text foreign = read_file("mail");
        run(false, FAULT_NONE, 0);
        struct text after = read_file("mail");
        v->points++;
        v->torn += after.len != foreign.len ||
                   memcmp(after.at, foreign.at, after.len) != 0;
        free(torn.at);
        free(foreign.at);
        free(after.at);
    }
}

/* ---- the report ---- */

static int report(const char *what, const struct verdict *v)
{
    printf("%-34s points %6u  lost %u  doubled %u  torn %u\n", what, v->points,
           v->lost, v->doubled, v->torn);
    fflush(stdout);
    return clean(v) && v->points > 0 ? 0 : 1;
}

struct variety {
    const char *name;
    unsigned messages;
    size_t (*size)(unsigned);
    bool slow;
    unsigned each; /* call, in the bounded part on a full disk */
};

static const struct variety varieties[] = {
    {"tiny", 4, tiny, false, 1},
    {"equal", 9, equal, false, 1},
    {"mixed", 14, mixed, false, 23},
    {"large", 6, large, true, 1},
};

/* Sanitizers are slow: every k-th call of the longest rows will do. */
#ifdef __SANITIZE_ADDRESS__
enum {
    THIN = 16
};
#else
enum {
    THIN = 1
};
#endif

enum {
    VARIETIES = sizeof varieties / sizeof *varieties
};

static int try_variety(const struct variety *variety, bool full)
{
    int failed = 0;
    char title[80];

    make_mailbox(variety->messages, variety->size);
    for (int fault = KILL_BEFORE; fault < FAULTS; fault++) {
        struct verdict v = {0};
        for (int p = 0; p < PATTERNS; p++) {
            if (variety->slow && !full && p != 1 && p != 3)
                continue;
            choose(&patterns[p]);
            hit_calls(&v, (enum fault)fault, false, full && !variety->slow,
                      THIN);
            if (!variety->slow || full)
                hit_calls(&v, (enum fault)fault, true, false,
                          full ? 1 : THIN * variety->each);
        }
        snprintf(title, sizeof title, "%s, %s", variety->name,
                 fault_names[fault]);
        failed |= report(title, &v);
    }
    struct verdict v = {0};
    for (int p = 0; p < PATTERNS && (full || !variety->slow); p++) {
        choose(&patterns[p]);
        cut_everywhere(&v, false, full ? 30 : 5, THIN);
        cut_everywhere(&v, true, full ? 30 : 5,
                       full ? 1 : THIN * variety->each);
    }
    snprintf(title, sizeof title, "%s, power cut", variety->name);
    return failed | (v.points > 0 && report(title, &v));
}

static int try_foreign(void)
{
    struct verdict v = {0};

    make_mailbox(9, equal);
    for (int p = 0; p < PATTERNS; p++) {
        choose(&patterns[p]);
        if (!doomed[0] || p == 2)
            continue; /* the cut would move the first kept message */
        rewrite_between(&v);
    }
    return report("foreign rewrite before recovery", &v);
}

/* On a file system where room is taken with zeros. */
static int try_zeros(void)
{
    struct verdict v = {0};

    make_mailbox(9, equal);
    shared->no_fallocate = true;
    for (int p = 0; p < PATTERNS; p++) {
        choose(&patterns[p]);
        hit_calls(&v, KILL_HALF, false, true, THIN);
        hit_calls(&v, FAIL_ENOSPC, false, false, THIN);
        cut_everywhere(&v, false, 5, THIN);
    }
    shared->no_fallocate = false;
    return report("without fallocate", &v);
}

/* The same kills with the record switched off must be seen to do damage. */
static int try_blind(void)
{
    struct verdict v = {0};

    make_mailbox(14, mixed);
    choose(&patterns[0]);
    shared->no_record = true;
    hit_calls(&v, KILL_HALF, false, false, 1);
    shared->no_record = false;
    printf("%-34s points %6u  damaged %u (must not be 0)\n",
           "without the record", v.points, v.lost + v.doubled + v.torn);
    return clean(&v);
}

int main(int argc, char **argv)
{
    bool full = argc > 1 && strcmp(argv[1], "full") == 0;
    int failed = 0;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* Power cuts are played back, so the files may as well be in memory. */
    snprintf(scratch, sizeof scratch, "%s/restante-faults-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (shared == MAP_FAILED || mkdtemp(scratch) == NULL)
        return 1;
    shared->data = mmap(NULL, DATA_MOST, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    directory = open(scratch, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < VARIETIES; i++)
        failed |= try_variety(&varieties[i], full);
    failed |= try_foreign();
    failed |= try_zeros();
    failed |= try_blind();
    unlinkat(directory, "mail", 0);
    unlinkat(directory, "record", 0);
    rmdir(scratch);
    return failed;
}
