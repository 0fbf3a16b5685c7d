/*
 * Goal: whatever happens to an update, and whenever, every kept message is
 * there exactly once and byte-identical after the next login, and what a client
 * was told is removed stays removed; in every format.
 *
 * The real spool code runs in a process of its own over real files. The calls
 * that change files are killed, refused or shortened, the k-th for every k
 * (calls.c); or recorded, so that power cuts can be played back with octets,
 * sizes or names dropped that were not synced (disk.c). After each a fresh
 * process logs in (and is hit in turn), and a parser that knows nothing of the
 * spool's judges (mbox.c, maildir.c).
 *
 * Run without argument: the bounded part. "full": everything. A format's name:
 * that one alone.
 */

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const fault_names[FAULTS] = {
    "none", "kill before", "kill half-way", "kill child",
    "EIO",  "ENOSPC",      "EINTR",         "short write"};

/* ---- the messages ---- */

struct text messages[MESSAGES_MOST + 1];
unsigned count;
static bool doomed[MESSAGES_MOST];
static const struct box *box;
static int state, top;

int message_at(const char *at, size_t len)
{
    unsigned id;

    if (len < 16 || sscanf(at, "From m%u@", &id) != 1 || id > MESSAGES_MOST ||
        messages[id].at == NULL || messages[id].len > len ||
        memcmp(at, messages[id].at, messages[id].len) != 0)
        return -1;
    return (int)id;
}

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

static void lay_out(void)
{
    disk_wipe();
    box->lay_out();
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

enum session {
    LOOK,  /* ends without QUIT */
    POLL,  /* removes nothing */
    REMOVE /* what is doomed */
};

static int count_messages(struct mailbox *mb, struct table *table)
{
    static struct table_writer w;
    uint64_t found;

    if (mb->format->open(mb) < 0 || mb->format->recover(mb) < 0 ||
        table_write_start(&w) < 0 || mb->format->scan(mb, &w, &found) < 0)
        return -1;
    int fd = table_write_end(&w);
    if (fd < 0 || table_map(fd, found, table) < 0)
        return -1;
    shared->found = table->count;
    shared->octets = table->octets;
    return 0;
}

/* What the keeper does. */
static int hold_session(enum session session)
{
    struct dotlocker dotlocker = {no_dotlock, no_release, NULL};
    struct mailbox mb = {.format = box->format,
                         .directory = top,
                         .name = "mail",
                         .owner = geteuid(),
                         .state = state,
                         .record = "record",
                         .twins = "twins",
                         .sizes = "sizes",
                         .size_limit = UINT64_MAX,
                         .dotlocker = &dotlocker,
                         .fd = -1};
    struct table table;
    struct marks marks;

    if (count_messages(&mb, &table) < 0)
        return 1;
    if (session == LOOK)
        return 0;
    if ((session == REMOVE && table.count != count) ||
        marks_make(&marks, table.count) < 0)
        return 2;
    for (unsigned i = 0; session == REMOVE && i < count; i++)
        if (doomed[i])
            marks_add(&marks, i);
    return mb.format->update(&mb, &table, &marks) < 0 ? 3 : 0;
}

/* Runs a session with a fault at the k-th call. Returns its exit status, or
 * -1 when it was killed. */
static int run(enum session session, enum fault fault, unsigned k)
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
        pid_t child = fork(); /* so that no session leads its group */
        if (child == 0)
            _exit(hold_session(session));
        waitpid(child, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    waitpid(leader, &status, 0);
    shared->fault_at = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the judge ---- */

struct verdict {
    unsigned points, lost, doubled, torn;
    unsigned back; /* removed, as the client was told, and there again */
};

/* Did the last session count what is there? */
static bool counted(const unsigned seen[])
{
    uint64_t found = 0, octets = 0;

    for (unsigned i = 0; i <= MESSAGES_MOST; i++) {
        found += seen[i];
        if (seen[i] > 0)
            octets += seen[i] * box->wire(i);
    }
    return shared->found == found && shared->octets == octets;
}

/* acknowledged: the session that removes has said +OK. */
static void judge(struct verdict *v, bool delivered, bool acknowledged)
{
    unsigned seen[MESSAGES_MOST + 1] = {0};
    bool whole = box->read(seen);
    bool lost = delivered && seen[DELIVERY] == 0;
    bool doubled = seen[DELIVERY] > 1, back = false;

    for (unsigned i = 0; i < count; i++) {
        lost |= !doomed[i] && seen[i] == 0;
        doubled |= seen[i] > 1;
        back |= acknowledged && doomed[i] && seen[i] > 0;
    }
    v->points++;
    v->lost += lost;
    v->doubled += doubled;
    v->back += back;
    v->torn += !whole || !counted(seen);
}

static unsigned damage(const struct verdict *v)
{
    return v->lost + v->doubled + v->torn + v->back;
}

/* The next login, and what is there then. */
static void log_in_and_judge(struct verdict *v, bool delivered,
                             bool acknowledged)
{
    shared->found = UINT64_MAX; /* a session that fails has counted nothing */
    run(POLL, FAULT_NONE, 0);
    judge(v, delivered, acknowledged);
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
    run(REMOVE, FAULT_NONE, 0);
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
        bool acknowledged = run(REMOVE, fault, k) == 0;
        if (delivery)
            box->deliver();
        for (unsigned j = 1; thorough && j < 12; j++)
            run(POLL, j & 1 ? KILL_HALF : KILL_BEFORE, j);
        log_in_and_judge(v, delivery, acknowledged);
    }
    shared->full_disk = false;
}

/* ---- power cuts ---- */

/* How thoroughly. */
struct cuts {
    unsigned each;   /* call */
    unsigned seeds;  /* random ones a call */
    unsigned exact;  /* up to so many loose names every selection of them */
    bool poll_first; /* a session before the one that removes has left things
                      * that are not synced */
};

struct recorded {
    struct disk before;
    bool acknowledged; /* at the end of it */
};

static void record(struct recorded *r, bool poll_first)
{
    lay_out();
    disk_take(&r->before);
    shared->ops = 0;
    shared->data_len = 0;
    shared->recording = true;
    if (poll_first)
        run(POLL, FAULT_NONE, 0);
    r->acknowledged = run(REMOVE, FAULT_NONE, 0) == 0;
    shared->recording = false;
}

static void cut_power(struct verdict *v, const struct recorded *r, unsigned cut,
                      struct power power)
{
    disk_after_cut(&r->before, cut, &power);
    if (cut & 1)
        box->deliver();
    log_in_and_judge(v, cut & 1, r->acknowledged && cut == shared->ops);
}

static void cut_here(struct verdict *v, const struct recorded *r, unsigned cut,
                     const struct cuts *how)
{
    unsigned loose = disk_loose_entries(cut);

    cut_power(v, r, cut, (struct power){.data = false});
    cut_power(v, r, cut, (struct power){.data = true});
    cut_power(v, r, cut, (struct power){.sizes = true});
    for (unsigned seed = 0; seed < how->seeds; seed++)
        cut_power(v, r, cut, (struct power){.random = true});
    if (loose == 0)
        return;
    cut_power(v, r, cut, (struct power){.entries = true});
    for (uint64_t which = 0; loose <= how->exact && which >> loose == 0;
         which++)
        cut_power(
            v, r, cut,
            (struct power){.random = true, .exact = true, .which = which});
}

static void cut_everywhere(struct verdict *v, bool full_disk,
                           const struct cuts *how)
{
    static struct recorded r;

    shared->full_disk = full_disk;
    record(&r, how->poll_first);
    for (unsigned cut = 0; cut <= shared->ops; cut += how->each)
        cut_here(v, &r, cut, how);
    disk_free(&r.before);
    shared->full_disk = false;
}

/* ---- foreign hands between crash and recovery ---- */

/* What somebody has made of what the crash left stays so. */
static void meddle_between(struct verdict *v)
{
    static struct disk foreign, after;
    unsigned calls = calls_of(false);

    for (unsigned k = 1; k <= calls; k++) {
        lay_out();
        run(REMOVE, KILL_HALF, k);
        box->meddle();
        disk_take(&foreign);
        run(POLL, FAULT_NONE, 0);
        disk_take(&after);
        v->points++;
        v->torn += !disk_same_mail(&foreign, &after);
        disk_free(&foreign);
        disk_free(&after);
    }
}

/* ---- the report ---- */

static void print(const char *what, const struct verdict *v)
{
    printf("%-9s%-32s points %6u  lost %u  doubled %u  torn %u  back %u\n",
           box->name, what, v->points, v->lost, v->doubled, v->torn, v->back);
    fflush(stdout);
}

static int report(const char *what, const struct verdict *v)
{
    print(what, v);
    return damage(v) == 0 && v->points > 0 ? 0 : 1;
}

/* Of what the code does not survive, because a part of it was switched off. */
static int report_blind(const char *what, const struct verdict *v)
{
    print(what, v);
    printf("%-9s%-32s damage %6u, must not be 0\n", "", "", damage(v));
    return damage(v) == 0;
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

static int try_faults(const struct variety *variety, bool full)
{
    int failed = 0;
    char title[80];

    for (int fault = KILL_BEFORE; fault < FAULTS; fault++) {
        struct verdict v = {0};
        for (int p = 0; p < PATTERNS; p++) {
            if (variety->slow && !full && p != 1 && p != 3)
                continue;
            choose(&patterns[p]);
            hit_calls(&v, (enum fault)fault, false, full && !variety->slow,
                      THIN);
            if (box->moves && (!variety->slow || full))
                hit_calls(&v, (enum fault)fault, true, false,
                          full ? 1 : THIN * variety->each);
        }
        snprintf(title, sizeof title, "%s, %s", variety->name,
                 fault_names[fault]);
        failed |= report(title, &v);
    }
    return failed;
}

static int try_cuts(const struct variety *variety, bool full)
{
    struct cuts cuts = {
        .each = THIN, .seeds = full ? 30 : 5, .exact = full ? 9 : 5};
    struct cuts thin = cuts;
    struct verdict v = {0};
    char title[80];

    thin.each = full ? 1 : THIN * variety->each;
    for (int p = 0; p < PATTERNS; p++) {
        choose(&patterns[p]);
        cut_everywhere(&v, false, &cuts);
        if (box->moves)
            cut_everywhere(&v, true, &thin);
        if (box->moves && !full)
            continue; /* there a poll leaves nothing */
        thin.poll_first = true;
        cut_everywhere(&v, false, &thin);
        thin.poll_first = false;
    }
    snprintf(title, sizeof title, "%s, power cut", variety->name);
    return report(title, &v);
}

static int try_variety(const struct variety *variety, bool full)
{
    make_mailbox(variety->messages, variety->size);
    int failed = try_faults(variety, full);
    return full || !variety->slow ? failed | try_cuts(variety, full) : failed;
}

static int try_foreign(void)
{
    struct verdict v = {0};

    make_mailbox(9, equal);
    for (int p = 0; p < PATTERNS; p++) {
        choose(&patterns[p]);
        if (box->moves && (!doomed[0] || p == 2))
            continue; /* the cut would move the first kept message */
        meddle_between(&v);
    }
    return report("foreign hands before recovery", &v);
}

/* On a file system that lacks a call: room is taken with zeros, and what is in
 * the way of a rename is looked for. */
static int try_poor(const char *what, bool *missing)
{
    const struct cuts cuts = {.each = THIN, .seeds = 5, .exact = 5};
    struct verdict v = {0};

    make_mailbox(9, equal);
    *missing = true;
    for (int p = 0; p < PATTERNS; p++) {
        choose(&patterns[p]);
        hit_calls(&v, KILL_BEFORE, false, false, THIN);
        hit_calls(&v, KILL_HALF, false, true, THIN);
        hit_calls(&v, FAIL_ENOSPC, false, false, THIN);
        cut_everywhere(&v, false, &cuts);
    }
    *missing = false;
    return report(what, &v);
}

/* The same kills with the record switched off must be seen to do damage. */
static int try_without_record(void)
{
    struct verdict v = {0};

    make_mailbox(14, mixed);
    choose(&patterns[0]);
    shared->no_record = true;
    hit_calls(&v, KILL_HALF, false, false, 1);
    shared->no_record = false;
    return report_blind("without the record", &v);
}

/* So must power cuts where one directory is not synced. */
static int try_without_sync(const char *what, enum directory directory)
{
    const struct cuts cuts = {.each = 1, .seeds = 5};
    struct verdict v = {0};

    make_mailbox(4, tiny);
    doom_all();
    shared->no_sync[directory] = true;
    cut_everywhere(&v, false, &cuts);
    shared->no_sync[directory] = false;
    return report_blind(what, &v);
}

static int try_box(bool full)
{
    int failed = 0;

    for (int i = 0; i < VARIETIES; i++)
        failed |= try_variety(&varieties[i], full);
    failed |= try_foreign();
    if (box->moves) {
        failed |= try_poor("without fallocate", &shared->no_fallocate);
        failed |= try_without_record();
    } else {
        failed |= try_poor("without RENAME_NOREPLACE", &shared->no_replace);
        failed |= try_without_sync("without sync of new", NEW);
        failed |= try_without_sync("without sync of cur", CUR);
    }
    return failed;
}

static void *share(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        abort();
    return at;
}

/* A directory for each format, which the caller removes. Power cuts are played
 * back, so the files may as well be in memory. */
static void enter_scratch(char *scratch, size_t size)
{
    snprintf(scratch, size, "%s/restante-faults-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(scratch) == NULL || chdir(scratch) < 0 ||
        mkdir("state", 0700) < 0 || mkdir("top", 0700) < 0)
        abort();
    state = directory_open(STATE);
    top = directory_open(TOP);
}

static void leave_scratch(const char *scratch)
{
    static const char *const made[] = {"top/mail/new", "top/mail/cur",
                                       "top/mail/tmp", "top/mail",
                                       "top",          "state"};

    disk_wipe();
    close(state);
    close(top);
    for (unsigned i = 0; i < sizeof made / sizeof *made; i++)
        rmdir(made[i]);
    rmdir(scratch);
}

int main(int argc, char **argv)
{
    static const struct box *const boxes[] = {&mbox_box, &maildir_box};
    const char *what = argc > 1 ? argv[argc - 1] : "";
    bool full = argc > 1 && strcmp(argv[1], "full") == 0;
    char scratch[64];
    int failed = 0;

    shared = share(sizeof *shared);
    shared->data = share(DATA_MOST);
    for (unsigned i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        box = boxes[i];
        if (strcmp(what, boxes[1 - i]->name) == 0)
            continue;
        enter_scratch(scratch, sizeof scratch);
        failed |= try_box(full);
        leave_scratch(scratch);
    }
    return failed;
}
