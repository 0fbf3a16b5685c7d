/* Front's side of the login, and its cage. Runs in front, as _restante;
 * distrusts the client alone, but checks every frame. */

#include "rooms/front.h"
#include "base/clock.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only root can change its root directory; without that right Landlock alone
 * keeps the files away. */
static int leave_the_tree(int empty)
{
    struct stat st;

    if (geteuid() != 0)
        return 0;
    if (fstat(empty, &st) < 0 || !S_ISDIR(st.st_mode) ||
        (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        errno = EPERM;
        return -1;
    }
    return fchdir(empty) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -1 : 0;
}

int front_enter(const struct setup *setup, int monitor, pid_t parent)
{
    const struct identity who = {.uid = setup->room_uid,
                                 .gid = setup->room_gid};
    const int kept[] = {0, 1, 2, setup->in, setup->out, monitor};

    if (privileges_blank_standard(setup->in, setup->out) < 0 ||
        leave_the_tree(setup->empty_directory) < 0)
        return -1;
    if (privileges_close_others(kept, 6) < 0 || privileges_drop(&who) < 0 ||
        privileges_tie_life(SIGKILL, parent) < 0)
        return -1;
    return sandbox_front();
}

void front_tell_peer(const struct front *f, const struct proxy_header *told)
{
    struct frame frame;

    frame_make(&frame, FRAME_PEER);
    frame.peer.client = told->client;
    frame.peer.tls = told->tls;
    memcpy(frame.peer.address, &told->address, sizeof frame.peer.address);
    frame_send(f->monitor, &frame);
}

int front_ask_auth(struct front *f, enum mechanism mechanism, int64_t deadline)
{
    enum outcome outcome;
    struct frame frame;
    bool last;

    if (f->auth >= 0 && f->mechanism == mechanism)
        return 0;
    if (front_drop_auth(f, deadline, &outcome, &last) < 0)
        return -1;
    if (last) { /* one exchange too many was begun and dropped */
        errno = EPERM;
        return -1;
    }
    frame_make(&frame, FRAME_ASK_AUTH);
    frame.ask_auth.mechanism = mechanism;
    if (frame_send(f->monitor, &frame) < 0 ||
        frame_expect(f->monitor, ROOM_FRONT, PHASE_GREETED, FRAME_AUTH_BORN,
                     deadline, &frame) < 0)
        return -1;
    f->auth = frame.fds[0];
    f->mechanism = mechanism;
    return 0;
}

static int hear_verdict(struct front *f, int64_t deadline,
                        enum outcome *outcome, bool *last)
{
    struct frame frame;

    if (frame_expect(f->monitor, ROOM_FRONT, PHASE_LOGIN, FRAME_VERDICT,
                     deadline, &frame) < 0)
        return -1;
    if (f->auth >= 0)
        close(f->auth);
    f->auth = -1;
    if (frame.verdict.outcome == OUTCOME_ACCEPTED)
        f->keeper = frame.fds[0];
    *outcome = (enum outcome)frame.verdict.outcome;
    *last = frame.verdict.last != 0;
    return 0;
}

int front_drop_auth(struct front *f, int64_t deadline, enum outcome *outcome,
                    bool *last)
{
    *outcome = OUTCOME_CANCELLED;
    *last = false;
    if (f->auth < 0)
        return 0;
    close(f->auth);
    f->auth = -1;
    return hear_verdict(f, deadline, outcome, last);
}

static void give_password(const struct front *f,
                          const struct frame_password *password)
{
    struct frame frame;

    frame_make(&frame, FRAME_PASSWORD);
    frame.password = *password;
    frame_send(f->auth, &frame);
    explicit_bzero(&frame, sizeof frame);
}

int front_login(struct front *f, enum mechanism mechanism,
                const struct frame_password *password, int64_t deadline,
                enum outcome *outcome, bool *last)
{
    if (front_ask_auth(f, mechanism, deadline) < 0)
        return -1;
    /* An auth that is dead already leaves its verdict to the monitor. */
    give_password(f, password);
    return hear_verdict(f, deadline, outcome, last);
}

void front_say(const struct front *f, struct slice piece, bool initial,
               bool more)
{
    struct frame frame;

    frame_make(&frame, FRAME_SAID);
    frame.piece.initial = initial;
    frame.piece.more = more;
    frame.piece.size = (uint32_t)piece.len;
    if (piece.len > 0)
        memcpy(frame.piece.octets, piece.at, piece.len);
    frame_send(f->auth, &frame);
    explicit_bzero(&frame, sizeof frame);
}

/* Waits for auth or the monitor, auth first. Returns 1 when auth has something
 * to say, 0 when it is the monitor's turn, -1 when the time is over. */
static int whose_turn(const struct front *f, int64_t deadline)
{
    struct pollfd polled[] = {{.fd = f->auth, .events = POLLIN},
                              {.fd = f->monitor, .events = POLLIN}};
    int ready;

    do
        ready = poll(polled, 2, clock_left(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return -1;
    return (polled[0].revents & POLLIN) != 0;
}

int front_hear(struct front *f, int64_t deadline, struct frame_piece *challenge,
               enum outcome *outcome, bool *last)
{
    struct frame frame;
    int turn = whose_turn(f, deadline);

    if (turn < 0)
        return -1;
    if (turn == 1) {
        if (frame_expect(f->auth, ROOM_FRONT, PHASE_DIALOGUE, FRAME_CHALLENGE,
                         deadline, &frame) == 0) {
            *challenge = frame.piece;
            return 1;
        }
        if (errno != EPIPE)
            return -1;
    }
    return hear_verdict(f, deadline, outcome, last);
}

int front_ask_tls(struct front *f, int64_t deadline, bool *usable)
{
    struct frame frame;

    frame_make(&frame, FRAME_ASK_TLS);
    if (frame_send(f->monitor, &frame) < 0 ||
        frame_expect(f->monitor, ROOM_FRONT, PHASE_GREETED, FRAME_TLS_BORN,
                     deadline, &frame) < 0)
        return -1;
    *usable = frame.tls_born.usable;
    if (*usable) {
        f->tls = frame.fds[0];
        f->inside = frame.fds[1];
    }
    return 0;
}

/* A descriptor of the standard three must not be free for what comes next;
 * standard error is /dev/null here. */
static int let_go(int fd)
{
    if (fd > STDERR_FILENO)
        return close(fd);
    return dup3(STDERR_FILENO, fd, O_CLOEXEC) < 0 ? -1 : 0;
}

int front_hand_over(struct front *f, int in, int out)
{
    struct frame frame;

    frame_make(&frame, FRAME_TLS_CLIENT);
    frame.fds[0] = in;
    frame.fds[1] = out;
    frame.fd_count = in == out ? 1 : 2;
    if (frame_send(f->tls, &frame) < 0)
        return -1;
    close(f->tls);
    f->tls = -1;
    if (let_go(in) < 0 || (out != in && let_go(out) < 0))
        return -1;
    return 0;
}

void front_refused_plaintext(const struct front *f, enum mechanism mechanism,
                             struct slice user)
{
    struct frame frame;

    frame_make(&frame, FRAME_PLAINTEXT);
    frame.plaintext.mechanism = mechanism;
    if (slice_copy(user, frame.plaintext.user, sizeof frame.plaintext.user) < 0)
        frame.plaintext.user[0] = '\0';
    frame_send(f->monitor, &frame);
}

void front_farewell(const struct front *f, const struct frame_farewell *words)
{
    struct frame frame;

    frame_make(&frame, FRAME_FAREWELL);
    frame.farewell = *words;
    frame_send(f->monitor, &frame);
}
