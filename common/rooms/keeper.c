/*
 * The keeper: the only room that opens mail. Runs as the user, without
 * network, inside Landlock and seccomp. Serves front OPEN, LIST, IDENTIFY,
 * CONFIRM, FETCH and COMMIT; when front hangs up, everything not committed is
 * as if it had never been asked. Distrusts the mailbox, whoever else writes to
 * it, and front.
 */

#include "rooms/keeper.h"
#include "base/clock.h"
#include "rooms/ground.h"
#include "rooms/sandbox.h"
#include "rooms/setup.h"
#include "spool/dotlock.h"
#include "spool/filesystem.h"
#include "spool/formats.h"
#include "spool/state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INDEX_FROM = 256 * 1024 /* octets; less is read as quickly as looked up */
};

struct keeper;

/* Makes dotlocks beside folders, which needs no right but the user's. */
struct folder_locker {
    struct dotlocker dotlocker; /* first: it is handed to the spool */
    struct dotlock dotlock;
    int64_t refresh_at; /* by clock_ms() */
    struct keeper *keeper;
};

struct keeper {
    struct dotlocker dotlocker; /* first: it is handed to the spool */
    struct folder_locker folder_locker;
    int front, monitor;
    struct ground ground;
    struct spot spot; /* the mailbox that is open */
    uid_t owner;
    bool read_only;
    const struct uidl_style *uidl;
    int state;   /* the user's state directory, O_PATH; -1: none */
    int session; /* holds the session lock; -1: none */
    struct rlimit size_limit;
    bool noticed_dotlock;
    char record[STATE_NAME], twins[STATE_NAME], sizes[STATE_NAME],
        index[STATE_NAME]; /* files in state */
    struct mailbox mailbox;
    uint64_t count, octets; /* messages, and octets on the wire */
    struct table table;
    int table_fd, reader; /* until it is listed; -1 */
    struct marks marks;
    unsigned phase;
};

static void notice(const struct keeper *k, enum notice what, int error)
{
    struct frame f;

    frame_make(&f, FRAME_NOTICE);
    f.notice.notice = what;
    f.notice.error = error;
    frame_send(k->monitor, &f);
}

/* ---- dotlocks: the maildrop's is made by the monitor ---- */

static void notice_dotlock(struct keeper *k, int error)
{
    if (error == EEXIST || k->noticed_dotlock)
        return;
    k->noticed_dotlock = true;
    notice(k, NOTICE_NO_DOTLOCK, error);
}

static int ask_dotlock(struct dotlocker *self)
{
    struct keeper *k = (struct keeper *)self;
    struct frame f;

    frame_make(&f, FRAME_DOTLOCK);
    if (frame_send(k->monitor, &f) < 0 ||
        frame_expect(k->monitor, ROOM_KEEPER, k->phase, FRAME_DOTLOCKED,
                     CLOCK_NEVER, &f) < 0)
        _exit(0); /* the monitor is gone, and with it the session */
    if (f.dotlocked.error == 0)
        return 0;
    notice_dotlock(k, f.dotlocked.error);
    errno = f.dotlocked.error;
    return -1;
}

static void release_dotlock(struct dotlocker *self)
{
    struct keeper *k = (struct keeper *)self;
    struct frame f;

    /* The answer is waited for: when the client hears of it, it is gone. */
    frame_make(&f, FRAME_UNDOTLOCK);
    if (frame_send(k->monitor, &f) < 0 ||
        frame_expect(k->monitor, ROOM_KEEPER, k->phase, FRAME_DOTLOCKED,
                     CLOCK_NEVER, &f) < 0)
        _exit(0);
}

static int make_dotlock(struct dotlocker *self)
{
    struct folder_locker *l = (struct folder_locker *)self;

    l->refresh_at = clock_in_seconds(DOTLOCK_REFRESH_SECONDS);
    if (dotlock_try(&l->dotlock) == 0)
        return 0;
    int reason = errno;
    notice_dotlock(l->keeper, reason);
    errno = reason;
    return -1;
}

/* The monitor, which does this for the maildrop's, knows nothing of it. */
static void touch_dotlock(struct dotlocker *self)
{
    struct folder_locker *l = (struct folder_locker *)self;

    if (clock_left(l->refresh_at) > 0)
        return;
    dotlock_refresh(&l->dotlock);
    l->refresh_at = clock_in_seconds(DOTLOCK_REFRESH_SECONDS);
}

static void remove_dotlock(struct dotlocker *self)
{
    dotlock_release(&((struct folder_locker *)self)->dotlock);
}

/* ---- requests ---- */

static enum status status_of(int error)
{
    switch (error) {
    case EWOULDBLOCK:
        return STATUS_BUSY;
    case EPERM:
    case EACCES:
    case EROFS:
        return STATUS_FORBIDDEN;
    case ESTALE:
    case ENODATA: /* it was cut meanwhile */
        return STATUS_CHANGED;
    default:
        return STATUS_TROUBLE;
    }
}

/* What is front's once the mailbox has been listed. */
static void close_listing(struct keeper *k)
{
    if (k->table_fd >= 0)
        close(k->table_fd);
    if (k->reader >= 0)
        close(k->reader);
    k->table_fd = k->reader = -1;
}

static void put_away(struct keeper *k)
{
    mailbox_close(&k->mailbox);
    table_unmap(&k->table);
    marks_free(&k->marks);
    k->count = k->octets = 0;
    close_listing(k);
    if (k->session >= 0)
        close(k->session);
    k->session = -1;
    ground_leave(&k->ground);
    k->phase = PHASE_CLOSED;
}

/* Takes the session lock. Without a usable state directory there is none. */
static int take_session(struct keeper *k)
{
    const struct place *place = k->spot.place;
    char name[STATE_NAME];

    if (k->state < 0)
        return 0;
    state_file_name(place->directory, place->name, "session", name);
    k->session = lock_session(k->state, name);
    if (k->session >= 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return -1;
    notice(k, NOTICE_NO_STATE, errno);
    return 0;
}

/* Has the format list the messages. Returns the table's descriptor, or -1. */
static int make_table(struct keeper *k, uint64_t *count)
{
    struct table_writer *w = malloc(sizeof *w);
    int fd = -1;

    if (w == NULL || table_write_start(w) < 0) {
        free(w);
        return -1;
    }
    if (k->mailbox.format->scan(&k->mailbox, w, count) < 0)
        table_write_drop(w);
    else
        fd = table_write_end(w);
    int saved = errno;
    free(w);
    errno = saved;
    return fd;
}

/* Lists the open mailbox in the table. */
static int scan(struct keeper *k)
{
    uint64_t count = 0;

    table_unmap(&k->table);
    k->table_fd = make_table(k, &count);
    return k->table_fd < 0 ? -1 : table_map(k->table_fd, count, &k->table);
}

/* Learns how many messages there are, by listing them if need be. */
static int count_messages(struct keeper *k)
{
    const struct mailbox_format *format = k->mailbox.format;
    int known = format->recall == NULL
                    ? 0
                    : format->recall(&k->mailbox, &k->count, &k->octets);

    if (known < 0 || (known == 0 && scan(k) < 0))
        return -1;
    if (known == 0) {
        k->count = k->table.count;
        k->octets = k->table.octets;
    }
    return marks_make(&k->marks, k->count);
}

static void tell_recovery(struct keeper *k)
{
    if (k->mailbox.recovered)
        notice(k, NOTICE_RECOVERED, 0);
    if (k->mailbox.aside)
        notice(k, NOTICE_ASIDE, 0);
    k->mailbox.recovered = k->mailbox.aside = false;
}

/* A record's name does not tell whose it is: --recover asks for the folder by
 * its name, as a client would. */
static void note_folder(const struct keeper *k)
{
    const struct place *place = k->spot.place;
    char file[STATE_NAME];

    state_file_name(place->directory, place->name, "folder", file);
    if (k->state >= 0 && !place->format->tree)
        state_note(k->state, file, k->ground.name);
}

/* Names the files about the mailbox, and who makes its dotlock. */
static struct dotlocker *prepare(struct keeper *k)
{
    const struct place *place = k->spot.place;

    state_file_name(place->directory, place->name, "record", k->record);
    state_file_name(place->directory, place->name, "twins", k->twins);
    state_file_name(place->directory, place->name, "sizes", k->sizes);
    state_file_name(place->directory, place->name, "index", k->index);
    if (!k->spot.folder)
        return &k->dotlocker;
    note_folder(k);
    if (dotlock_aim(&k->folder_locker.dotlock, k->spot.directory, place->name) <
        0)
        return NULL;
    return &k->folder_locker.dotlocker;
}

static struct mailbox mailbox_at(const struct keeper *k,
                                 struct dotlocker *dotlocker)
{
    const struct spot *spot = &k->spot;

    return (struct mailbox){.format = spot->place->format,
                            .directory = spot->directory,
                            .name = spot->place->name,
                            .owner = k->owner,
                            .shared = filesystem_is_shared(spot->directory),
                            .clock = k->session,
                            .state = k->state,
                            .record = k->record,
                            .size_limit = k->size_limit.rlim_cur,
                            .twins = k->twins,
                            .sizes = k->sizes,
                            .index = k->index,
                            .index_from = INDEX_FROM,
                            .read_only = k->read_only,
                            .uidl = k->uidl,
                            .dotlocker = dotlocker,
                            .fd = -1};
}

/* Opens the mailbox, finishes what a crash has left, and counts the messages.
 * Returns 1, 0 when there is no mailbox, or -1 with errno. */
static int open_and_count(struct keeper *k)
{
    if (k->mailbox.format->open(&k->mailbox) < 0)
        return errno == ENOENT ? 0 : -1;
    int recovered = k->mailbox.format->recover(&k->mailbox);
    tell_recovery(k);
    if (recovered < 0 || count_messages(k) < 0)
        return -1;
    if (k->mailbox.left_out)
        notice(k, NOTICE_LEFT_OUT, 0);
    return 1;
}

static void describe(const struct keeper *k, struct frame_opened *opened)
{
    opened->writable = k->mailbox.writable;
    opened->count = k->count;
    opened->octets = k->octets;
    opened->unverified = k->mailbox.unverified;
    opened->seen = k->mailbox.seen;
    opened->shared = k->mailbox.shared;
}

/* Opens it and answers how many messages there are. What is not there is as
 * good as empty. */
static int open_mailbox(struct keeper *k, struct frame *answer)
{
    if (take_session(k) < 0)
        return -1;
    struct dotlocker *dotlocker = prepare(k);
    if (dotlocker == NULL)
        return -1;
    k->mailbox = mailbox_at(k, dotlocker);
    answer->opened.writable = true;
    answer->opened.tree = k->mailbox.format->tree;
    if (k->spot.directory < 0) {
        errno = k->spot.error;
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    }
    int found = open_and_count(k);
    if (found <= 0)
        return found;
    describe(k, &answer->opened);
    if (k->count == 0 || k->mailbox.format->tree)
        return 0;
    k->reader = k->mailbox.format->reader(&k->mailbox);
    return k->reader < 0 ? -1 : 0;
}

static void report_trouble(const struct keeper *k, int error)
{
    if (error == EPERM || error == EACCES)
        notice(k, NOTICE_FORBIDDEN, error);
    else if (status_of(error) == STATUS_TROUBLE && error != ECANCELED)
        notice(k, NOTICE_TROUBLE, error);
}

/* What a client may not have, or what is no mailbox, is as empty as what is not
 * there; but the maildrop is the user's, and that it cannot be opened is said.
 */
static bool is_nothing(const struct keeper *k, int error)
{
    return k->spot.folder &&
           (status_of(error) == STATUS_FORBIDDEN || error == ENAMETOOLONG);
}

static void serve_open(struct keeper *k, const struct frame *request)
{
    struct frame answer;
    int error = 0;

    put_away(k);
    frame_make(&answer, FRAME_OPENED);
    bool found = ground_find(&k->ground, request->open.folder, &k->spot) == 0;
    if (found && open_mailbox(k, &answer) < 0) {
        error = errno;
        frame_close_fds(&answer);
        put_away(k);
        frame_make(&answer, FRAME_OPENED);
    }
    if (error == 0 || is_nothing(k, error)) {
        k->phase = PHASE_COUNTED;
    } else {
        answer.opened.status = status_of(error);
        report_trouble(k, error);
    }
    frame_send(k->front, &answer);
}

/* Has the table at hand. */
static int list(struct keeper *k)
{
    if (k->count > 0 && k->table_fd < 0 && scan(k) < 0)
        return -1;
    if (k->count > 0 && k->table.count == k->count &&
        k->table.octets == k->octets)
        return 0;
    errno = ESTALE;
    return -1;
}

static void serve_list(struct keeper *k)
{
    bool tree = k->mailbox.format->tree;
    struct frame answer;

    frame_make(&answer, FRAME_LISTED);
    if (list(k) < 0) {
        answer.status.status = status_of(errno);
        report_trouble(k, errno);
    } else {
        answer.fds[0] = k->table_fd;
        answer.fds[1] = k->reader;
        answer.fd_count = tree ? 1 : 2;
        k->phase = tree ? PHASE_TREE : PHASE_OPEN;
    }
    frame_send(k->front, &answer);
    if (answer.fd_count > 0)
        close_listing(k);
}

static int identify(struct keeper *k, uint32_t *stride)
{
    struct table_writer *w = malloc(sizeof *w);
    int fd = -1;

    if (w == NULL || table_write_start(w) < 0) {
        free(w);
        return -1;
    }
    bool any = k->mailbox.fd >= 0;
    if (any &&
        k->mailbox.format->identify(&k->mailbox, &k->table, w, stride) < 0)
        table_write_drop(w);
    else
        fd = table_write_end(w);
    int saved = errno;
    free(w);
    errno = saved;
    return fd;
}

static void serve_identify(struct keeper *k)
{
    struct frame answer;

    frame_make(&answer, FRAME_IDENTIFIED);
    int fd = identify(k, &answer.identified.stride);
    if (fd < 0) {
        answer.identified.status = status_of(errno);
        report_trouble(k, errno);
    } else {
        answer.fds[0] = fd;
        answer.fd_count = 1;
    }
    frame_send(k->front, &answer);
    frame_close_fds(&answer);
}

static void answer_status(const struct keeper *k, enum frame_type type,
                          int result)
{
    struct frame answer;
    int error = errno;

    frame_make(&answer, type);
    answer.status.status = result == 0 ? STATUS_OK : status_of(error);
    if (result < 0)
        report_trouble(k, error);
    frame_send(k->front, &answer);
}

static void serve_confirm(struct keeper *k, const struct frame *request)
{
    uint64_t i = request->confirm.index;

    if (i >= k->table.count)
        _exit(EXIT_OWNED);
    answer_status(
        k, FRAME_CONFIRMED,
        k->mailbox.format->confirm(&k->mailbox, &k->table.messages[i]));
}

/* Opens messages in a row until one fails; the first must not. */
static int fetch(struct keeper *k, const struct frame_fetch *wanted,
                 struct frame *answer)
{
    for (uint64_t i = wanted->first;
         i < k->table.count && i - wanted->first < wanted->count; i++) {
        int fd = k->mailbox.format->fetch(&k->mailbox, &k->table, i);
        if (fd < 0)
            break;
        answer->fds[answer->fd_count++] = fd;
    }
    return answer->fd_count > 0 ? 0 : -1;
}

static void serve_fetch(struct keeper *k, const struct frame *request)
{
    struct frame answer;

    if (request->fetch.first >= k->table.count)
        _exit(EXIT_OWNED);
    frame_make(&answer, FRAME_FETCHED);
    if (fetch(k, &request->fetch, &answer) < 0) {
        answer.status.status = status_of(errno);
        report_trouble(k, errno);
    }
    frame_send(k->front, &answer);
    frame_close_fds(&answer);
}

static void serve_marks(struct keeper *k, const struct frame *request)
{
    uint64_t size = marks_size(&k->marks);
    const struct frame_marks *part = &request->marks;

    if (part->first > size || part->size > size - part->first)
        _exit(EXIT_OWNED);
    if (part->size > 0)
        memcpy(k->marks.bits + part->first, part->bits, part->size);
}

/* A service that is being stopped must not stop an update half-way. */
static void serve_commit(struct keeper *k, const struct frame *request)
{
    sigset_t all, before;
    int result = 0;

    if (k->marks.bits != NULL)
        marks_recount(&k->marks);
    if (k->marks.marked != request->commit.marked ||
        (k->read_only && k->marks.marked > 0))
        _exit(EXIT_OWNED);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    if (k->mailbox.fd >= 0)
        result = k->mailbox.format->update(&k->mailbox, &k->table, &k->marks);
    int saved = errno;
    tell_recovery(k);
    put_away(k); /* before the reply: the next login may follow at once */
    errno = saved;
    answer_status(k, FRAME_COMMITTED, result);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void serve(struct keeper *k, const struct frame *request)
{
    switch (request->type) {
    case FRAME_OPEN:
        serve_open(k, request);
        break;
    case FRAME_LIST:
        serve_list(k);
        break;
    case FRAME_IDENTIFY:
        serve_identify(k);
        break;
    case FRAME_CONFIRM:
        serve_confirm(k, request);
        break;
    case FRAME_FETCH:
        serve_fetch(k, request);
        break;
    case FRAME_MARKS:
        serve_marks(k, request);
        break;
    default:
        serve_commit(k, request);
    }
}

/* ---- birth ---- */

/* The maildrop itself, where it is a directory. */
static int open_tree(const struct ground *g)
{
    if (g->directory < 0 || !g->maildrop->format->tree)
        return -1;
    return openat(g->directory, g->maildrop->name,
                  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_state(const struct keeper *k, const struct keeper_birth *birth)
{
    int fd = birth->state == NULL ? -1 : state_open(birth->state, birth->user);

    if (fd < 0 && birth->state != NULL)
        notice(k, NOTICE_NO_STATE, errno);
    return fd;
}

static int enter_cage(const struct keeper *k)
{
    const struct ground *g = &k->ground;
    struct keeper_files files = {.spool = -1,
                                 .tree = open_tree(g),
                                 .folders = g->folders,
                                 .state = k->state};

    if (!g->maildrop->format->tree)
        files.spool = g->directory;
    int result = sandbox_keeper(&files);
    if (files.tree >= 0)
        close(files.tree);
    return result;
}

static void enter(struct keeper *k, const struct keeper_birth *birth)
{
    const int kept[] = {0, 1, 2, k->front, k->monitor};

    if (privileges_close_others(kept, 5) < 0 ||
        privileges_blank_standard(-1, -1) < 0 ||
        privileges_drop(&birth->who) < 0 ||
        privileges_tie_life(SIGTERM, birth->parent) < 0)
        _exit(EXIT_CAGE + errno);
    /* The directories are opened as the user, before the cage closes. */
    ground_open(&k->ground, &birth->place, &birth->instead, birth->folders);
    k->state = open_state(k, birth);
    if (birth->folders != NULL)
        dotlock_learn(&k->folder_locker.dotlock);
    if (getrlimit(RLIMIT_FSIZE, &k->size_limit) < 0 || enter_cage(k) < 0)
        _exit(EXIT_CAGE + errno);
}

void keeper_live(const struct keeper_birth *birth)
{
    struct keeper k = {
        .dotlocker = {ask_dotlock, release_dotlock, NULL},
        .folder_locker = {.dotlocker = {make_dotlock, remove_dotlock,
                                        touch_dotlock},
                          .keeper = &k},
        .front = birth->front,
        .monitor = birth->monitor,
        .owner = birth->who.uid,
        .read_only = birth->read_only,
        .uidl = birth->uidl,
        .session = -1,
        .table_fd = -1,
        .reader = -1,
        .mailbox = {.fd = -1},
        .phase = PHASE_CLOSED};
    struct frame request;

    enter(&k, birth);
    int got;
    while ((got = frame_receive(k.front, ROOM_KEEPER, k.phase, CLOCK_NEVER,
                                &request)) == 1)
        serve(&k, &request);
    _exit(got < 0 ? EXIT_OWNED : 0);
}
