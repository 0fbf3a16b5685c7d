/*
 * --recover. Runs as root at boot (or as a user for himself): looks through
 * the state directories as each one's owner, and where a record is pending
 * opens the maildrop the way a session would, with monitor and keeper and
 * their cages, but without client or front.
 */

#include "serve/recover.h"
#include "base/clock.h"
#include "rooms/account.h"
#include "rooms/front.h"
#include "rooms/maildrop.h"
#include "rooms/monitor.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"
#include "spool/journal.h"
#include "spool/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    SECONDS_EACH = 300
};

#define FOLDER ".folder"

/* A user, and the one of his mailboxes that is looked at. */
struct patient {
    struct frame_decision account;
    struct place place; /* of the maildrop */
    char record[STATE_NAME];
    char folder[TEXT_FOLDER]; /* its name; "" is the maildrop */
    int64_t deadline;         /* for all of them */
};

/* Opens the user's state directory and goes on with his rights, until
 * leave_state(). Returns the descriptor, or -1 with errno. */
static int enter_state(const struct setup *setup, const struct patient *p)
{
    if (geteuid() == 0 && seteuid(p->account.uid) < 0)
        return -1;
    return state_open(setup->state, p->account.name);
}

static void leave_state(int directory)
{
    int saved = errno;

    if (directory >= 0)
        close(directory);
    if (getuid() == 0 && seteuid(0) < 0)
        abort();
    errno = saved;
}

/* Is a record pending? Returns 1, 0, or -1. For a folder its name is read. */
static int is_pending(const struct setup *setup, struct patient *p,
                      const char *note)
{
    int directory = enter_state(setup, p);
    int pending = directory < 0 ? -1 : journal_pending(directory, p->record);

    if (pending == 1 && note != NULL &&
        state_read_note(directory, note, p->folder, sizeof p->folder) < 0)
        pending = -1;
    leave_state(directory);
    return pending;
}

/* In a child: takes front's place, opens the maildrop, and that is all. */
static _Noreturn void visit(const struct setup *setup, const char *folder,
                            int monitor, pid_t parent)
{
    const struct identity who = {.uid = setup->room_uid,
                                 .gid = setup->room_gid};
    struct maildrop *m = calloc(1, sizeof *m);
    struct frame f;

    const int kept[] = {0, 1, 2, monitor};
    if (m == NULL || privileges_close_others(kept, 4) < 0 ||
        privileges_drop(&who) < 0 || privileges_tie_life(SIGKILL, parent) < 0 ||
        sandbox_front() < 0)
        _exit(EXIT_CAGE + errno);
    if (frame_receive(monitor, ROOM_FRONT, PHASE_LOGIN, INT64_MAX, &f) != 1)
        _exit(EX_TEMPFAIL);
    maildrop_start(m, f.fds[0]);
    _exit(maildrop_open(m, folder) == STATUS_OK ? 0 : EX_TEMPFAIL);
}

/* In a child, which becomes the user's monitor. */
static _Noreturn void treat(const struct setup *setup, const struct patient *p)
{
    pid_t self = getpid();
    int wire[2];

    if (frame_wire(wire) < 0)
        _exit(EX_TEMPFAIL);
    pid_t visitor = fork();
    if (visitor < 0)
        _exit(EX_TEMPFAIL);
    if (visitor == 0) {
        close(wire[0]);
        visit(setup, p->folder, wire[1], self);
    }
    close(wire[1]);
    monitor_visit(setup, &p->account, &p->place, wire[0], visitor);
    _exit(0);
}

/* Nobody's mailboxes may keep all others waiting: after a while they are left
 * to themselves. */
static int wait_for(pid_t child, int64_t deadline)
{
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (clock_left(deadline) == 0)
            return -1;
        clock_sleep_until(clock_ms() + 10);
    }
    return 0;
}

/* Returns 0 when nothing is pending any more. note is the file with the name of
 * the folder; NULL for the maildrop. */
static int recover_mailbox(const struct setup *setup, struct patient *p,
                           const char *note)
{
    int pending = is_pending(setup, p, note);

    if (pending == 1) {
        pid_t child = fork();
        if (child == 0)
            treat(setup, p);
        if (child < 0 || wait_for(child, p->deadline) < 0)
            return -1;
        pending = is_pending(setup, p, note);
    }
    char quoted[LOG_QUOTED];
    if (pending == 0)
        return 0;
    log_line(&setup->log, LOG_ERR,
             "error: an update is still pending for user=\"%s\": %s",
             log_quote(quoted, p->account.name),
             pending < 0 ? strerror(errno)
                         : "the maildrop could not be opened");
    return -1;
}

/* A folder's record has a note beside it, under the same name. */
static int recover_noted(const struct setup *setup, struct patient *p,
                         const char *note)
{
    size_t len = strlen(note), end = strlen(FOLDER);

    if (len <= end || len >= sizeof p->record ||
        strcmp(note + len - end, FOLDER) != 0)
        return 0;
    snprintf(p->record, sizeof p->record, "%.*s.record", (int)(len - end),
             note);
    return recover_mailbox(setup, p, note);
}

/* He may have put any number of notes there, each of which takes as long as a
 * lock on its folder is held. */
static int give_up(const struct setup *setup, const struct patient *p)
{
    char quoted[LOG_QUOTED];

    log_line(&setup->log, LOG_ERR,
             "error: an update may be pending for user=\"%s\": the folders "
             "took too long",
             log_quote(quoted, p->account.name));
    return -1;
}

static int recover_folders(const struct setup *setup, struct patient *p)
{
    const struct dirent *entry;
    int result = 0;

    if (setup->folders == NULL)
        return 0;
    int directory = enter_state(setup, p);
    int fd = directory < 0
                 ? -1
                 : openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    leave_state(directory);
    DIR *notes = fd < 0 ? NULL : fdopendir(fd);
    if (notes == NULL)
        return fd < 0 && errno == ENOENT ? 0 : -1;
    while (clock_left(p->deadline) != 0 && (entry = readdir(notes)) != NULL)
        if (recover_noted(setup, p, entry->d_name) < 0)
            result = -1;
    closedir(notes);
    return clock_left(p->deadline) != 0 ? result : give_up(setup, p);
}

/* Returns 0 when nothing is pending any more. */
static int recover_user(const struct setup *setup, const char *name)
{
    struct patient p = {.deadline = clock_in_seconds(SECONDS_EACH)};

    enum outcome found = account_find(name, &p.account);
    if (found == OUTCOME_UNAVAILABLE) {
        char quoted[LOG_QUOTED];
        log_line(&setup->log, LOG_ERR,
                 "error: an update may be pending for user=\"%s\": the account "
                 "cannot be looked up",
                 log_quote(quoted, name));
        return -1;
    }
    if (found != OUTCOME_ACCEPTED ||
        place_expand(setup->template, p.account.name, p.account.home,
                     &p.place) < 0)
        return 0; /* no user of ours: not a state directory of ours */
    state_file_name(p.place.directory, p.place.name, "record", p.record);
    int result = recover_mailbox(setup, &p, NULL);
    return recover_folders(setup, &p) < 0 ? -1 : result;
}

int recover_all(const struct setup *setup)
{
    const struct dirent *entry;
    int status = 0;

    if (setup->state == NULL)
        return 0;
    DIR *root = opendir(setup->state);
    if (root == NULL)
        return errno == ENOENT ? 0 : EX_TEMPFAIL;
    while ((entry = readdir(root)) != NULL)
        if (place_name_ok(entry->d_name) &&
            recover_user(setup, entry->d_name) < 0)
            status = EX_TEMPFAIL;
    closedir(root);
    return status;
}
