/*
 * The monitor: the room that outlives the others and trusts none. Runs as root
 * until the login, then as the user with the spool's group, for good; or as
 * the caller where that is not root. Holds nothing of the client. Who may ask
 * it what, and when, is in the contract's table; what it does is bear auth and
 * keeper, hold the dotlock, and write the log.
 */

#include "rooms/monitor.h"
#include "base/clock.h"
#include "rooms/contract.h"
#include "rooms/helper.h"
#include "rooms/keeper.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"
#include "spool/dotlock.h"
#include "spool/formats.h"
#include "spool/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct monitor {
    const struct setup *setup;
    struct setup told;       /* the setup behind a proxy or TLS */
    enum proxy_client proxy; /* what it told */
    bool heard_proxy;
    enum phase phase;
    int front, auth, keeper; /* sockets; -1: no such room */
    pid_t front_pid, auth_pid, keeper_pid;
    struct secure secure; /* the tls room */
    int signals;          /* signalfd: a service being stopped */
    unsigned failures, cancels;
    enum mechanism mechanism; /* of the login under way, or the last one */
    char user[TEXT_USER];     /* canonical, after the login */
    struct dotlock dotlock;
    bool said_farewell;
    bool hurried; /* told to stop when front had gone */
    struct frame_farewell farewell;
};

static const struct log *log_of(const struct monitor *m)
{
    return &m->setup->log;
}

/* A room sent what it may not send, or the monitor cannot go on safely: all
 * rooms end with it. */
static _Noreturn void end_of(const struct monitor *m, const char *what)
{
    log_line(log_of(m), LOG_CRIT, "ended: peer=%s %s: %s", m->setup->peer.text,
             what, strerror(errno));
    _exit(0);
}

/* Says so when a room died of something else than its work. */
static void log_death(const struct monitor *m, int status, const char *room)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
        log_line(log_of(m), LOG_ERR, "error: %s was killed by signal %d", room,
                 WTERMSIG(status));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OWNED)
        log_line(log_of(m), LOG_CRIT, "error: %s was sent what no room sends",
                 room);
    else if (WIFEXITED(status) && WEXITSTATUS(status) >= EXIT_CAGE)
        log_line(log_of(m), LOG_CRIT, "error: %s could not enter its cage: %s",
                 room, strerror(WEXITSTATUS(status) - EXIT_CAGE));
}

/* ---- signals ---- */

/*
 * The monitor takes the signals that stop a service from a descriptor: it must
 * outlive an update and remove the dotlock. It only closes the door to front;
 * that ends front, whose end ends the keeper.
 */
static int catch_signals(void)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The other rooms simply die of them. */
static void hear_signals_again(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void hear_signal(struct monitor *m)
{
    struct signalfd_siginfo ignored;

    if (read(m->signals, &ignored, sizeof ignored) <= 0)
        return;
    if (m->front >= 0)
        shutdown(m->front, SHUT_RDWR);
    else
        m->hurried = true; /* tls is waited for no longer */
}

/* ---- auth ---- */

/* May a password be sent now? */
static bool hears_plaintext(const struct monitor *m)
{
    return m->setup->plaintext;
}

static const char *method_of(const struct monitor *m, enum mechanism mechanism)
{
    const char *name = mechanism_rows[mechanism].name;

    return name != NULL ? name : m->setup->method;
}

static void name_files(const struct monitor *m, struct frame_order *order)
{
    const struct setup *s = m->setup;
    const char *secrets = s->keys[KEY_SECRETS];
    const char *key = s->keys[mechanism_rows[m->mechanism].key];

    if (secrets != NULL)
        strncpy(order->secrets, secrets, sizeof order->secrets - 1);
    if (key != NULL)
        strncpy(order->key, key, sizeof order->key - 1);
    if (s->state != NULL)
        strncpy(order->state, s->state, sizeof order->state - 1);
}

static void send_order(const struct monitor *m)
{
    const struct setup *s = m->setup;
    struct frame f;

    frame_make(&f, FRAME_ORDER);
    f.order.mechanism = m->mechanism;
    f.order.providers = s->providers;
    f.order.exposed = s->exposed;
    f.order.room_uid = s->room_uid;
    f.order.room_gid = s->room_gid;
    strncpy(f.order.service, s->service, sizeof f.order.service - 1);
    strncpy(f.order.peer, s->peer.text, sizeof f.order.peer - 1);
    memcpy(f.order.stamp, s->stamp, sizeof f.order.stamp);
    memcpy(f.order.domains, s->domains, sizeof f.order.domains);
    memcpy(f.order.services, s->services, sizeof f.order.services);
    name_files(m, &f.order);
    frame_send(m->auth, &f);
}

/* Makes two wires, front-auth and monitor-auth, and auth between them. */
static void bear_auth(struct monitor *m)
{
    int to_front[2], to_monitor[2];
    pid_t self = getpid();

    if (frame_wire(to_front) < 0 || frame_wire(to_monitor) < 0)
        end_of(m, "socketpair");
    m->auth_pid = fork();
    if (m->auth_pid < 0)
        end_of(m, "fork");
    if (m->auth_pid == 0)
        helper_become(m->setup->helpers[mechanism_rows[m->mechanism].helper],
                      "restante-auth", (int[]){to_front[1], to_monitor[1]}, 2,
                      self);
    close(to_front[1]);
    close(to_monitor[1]);
    m->auth = to_monitor[0];
    m->phase = PHASE_LOGIN;
    send_order(m);

    struct frame born;
    frame_make(&born, FRAME_AUTH_BORN);
    born.fds[0] = to_front[0];
    born.fd_count = 1;
    frame_send(m->front, &born);
    close(to_front[0]);
}

/* Takes leave of auth: its answer counts, and so does how it ended. */
static bool bury_auth(struct monitor *m)
{
    int status;

    close(m->auth);
    m->auth = -1;
    m->phase = PHASE_GREETED;
    while (waitpid(m->auth_pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    /* SIGKILL is the monitor's own, for an auth that nobody awaits. */
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        log_death(m, status, "auth");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- the login decided ---- */

static void send_verdict(struct monitor *m, enum outcome outcome, int keeper)
{
    struct frame f;

    frame_make(&f, FRAME_VERDICT);
    f.verdict.outcome = outcome;
    f.verdict.last = m->failures >= LOGIN_TRIES || m->cancels >= LOGIN_CANCELS;
    if (keeper >= 0) {
        f.fds[0] = keeper;
        f.fd_count = 1;
    }
    frame_send(m->front, &f);
}

static void log_failure(struct monitor *m, enum mechanism mechanism,
                        const char *reason, const char *user)
{
    char quoted[LOG_QUOTED];

    m->failures++;
    log_line(log_of(m), LOG_NOTICE,
             "login failed: peer=%s%s method=%s attempt=%u reason=%s "
             "user=\"%s\"",
             m->setup->peer.text, m->setup->via, method_of(m, mechanism),
             m->failures, reason, log_quote(quoted, user));
}

/* What an administrator can do something about. */
static void log_remark(const struct monitor *m, const struct frame_decision *d)
{
    static const char *const texts[REMARK_COUNT] = {
        [REMARK_KEY_FILE] = "the key file has no key that can be used",
        [REMARK_TICKET_KEY] = "no key in the key file opens the ticket",
        [REMARK_TICKET_SERVICE] = "the ticket is for another service or host",
        [REMARK_TICKET_REALM] = "the ticket is of another realm",
        [REMARK_TICKET_CLOCK] = "the client's clock differs from ours",
        [REMARK_TICKET_EXPIRED] = "the ticket is not valid now",
        [REMARK_TICKET_ADDRESS] = "the ticket was issued to address ",
        [REMARK_TICKET_REPEATED] = "the ticket was used a second time",
        [REMARK_NO_REPLAYS] = "the state directory cannot remember tickets",
        [REMARK_PRINCIPAL] = "the principal may not log in as this user",
    };
    char quoted[LOG_QUOTED], address[INET_ADDRSTRLEN] = "";

    if (d->remark == REMARK_NONE)
        return;
    if (d->remark == REMARK_TICKET_ADDRESS)
        inet_ntop(AF_INET, d->remark_address, address, sizeof address);
    log_line(log_of(m), LOG_WARNING, "warning: peer=%s%s user=\"%s\" %s%s",
             m->setup->peer.text, m->setup->via, log_quote(quoted, d->claimed),
             texts[d->remark], address);
}

/* A refusal leaves two seconds after the request was read, whatever was wrong
 * and however long it took to find out. */
static void refuse(struct monitor *m, enum outcome outcome, const char *reason,
                   const struct frame_decision *d)
{
    int64_t now = clock_ms();

    log_failure(m, m->mechanism, reason, d->claimed);
    clock_sleep_until((d->asked_at < now ? d->asked_at : now) + REFUSAL_DELAY);
    send_verdict(m, outcome, -1);
}

static struct identity user_of(const struct frame_decision *d)
{
    struct identity who = {.uid = d->uid, .gid = d->gid};

    for (uint32_t i = 0; i < d->group_count; i++)
        who.groups[who.group_count++] = d->groups[i];
    return who;
}

static void leave_out_group(struct identity *who, gid_t group)
{
    size_t kept = 0;

    for (size_t i = 0; i < who->group_count; i++)
        if (who->groups[i] != group)
            who->groups[kept++] = who->groups[i];
    who->group_count = kept;
}

/*
 * The group that may make dotlocks in the mailbox directory: the directory's
 * own, where root owns it and lets its group write.
 */
static gid_t spool_group(int directory, gid_t fallback)
{
    struct stat st;

    if (geteuid() != 0 || directory < 0 || fstat(directory, &st) < 0 ||
        st.st_uid != 0 || st.st_gid == 0 || (st.st_mode & S_IWGRP) == 0)
        return fallback;
    return st.st_gid;
}

/* The state directory is a convenience: without it there is a session, but no
 * [IN-USE] and only the plainest updates. */
static const char *state_for(struct monitor *m, const struct frame_decision *d)
{
    const struct setup *s = m->setup;

    if (s->state == NULL)
        return NULL;
    if (state_make(s->state, d->name, d->uid, d->gid, s->room_gid) == 0)
        return s->state;
    log_line(log_of(m), LOG_WARNING,
             "warning: state directory %s/%s cannot be made: %s", s->state,
             d->name, strerror(errno));
    return NULL;
}

static void bear_keeper(struct monitor *m, struct keeper_birth *birth,
                        int *keeper_for_front)
{
    int to_front[2], to_monitor[2];

    if (frame_wire(to_front) < 0 || frame_wire(to_monitor) < 0)
        end_of(m, "socketpair");
    birth->front = to_front[1];
    birth->monitor = to_monitor[1];
    birth->parent = getpid();
    m->keeper_pid = fork();
    if (m->keeper_pid < 0)
        end_of(m, "fork");
    if (m->keeper_pid == 0) {
        hear_signals_again();
        keeper_live(birth);
    }
    close(to_front[1]);
    close(to_monitor[1]);
    m->keeper = to_monitor[0];
    *keeper_for_front = to_front[0];
}

static int open_directory(const struct place *place)
{
    int fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd
                   : open(place->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Root no more: the user, with the spool's group as the only other power. A
 * directory that is on the user's own ground, where he could have put a link
 * to another, is opened as the user and lends no group. A tree has no dotlock.
 */
static void settle(struct monitor *m, const struct identity *user,
                   const struct place *place)
{
    bool own_ground = place_is_users(m->setup->template);
    bool dotlocks = !place->format->tree;
    struct identity who = {.uid = user->uid, .gid = user->gid};
    int directory = -1;

    umask(022); /* others may read whose dotlock it is */
    if (dotlocks && !own_ground) {
        directory = open_directory(place);
        who.gid = spool_group(directory, user->gid);
    }
    for (size_t i = 0; i < HELPER_COUNT; i++)
        if (m->setup->helpers[i] >= 0)
            close(m->setup->helpers[i]);
    if (m->setup->tls_program >= 0)
        close(m->setup->tls_program);
    close(m->setup->empty_directory);
    if (privileges_drop(&who) < 0)
        end_of(m, "drop");
    if (dotlocks && own_ground)
        directory = open_directory(place);
    if (dotlock_prepare(&m->dotlock, directory, place->name) < 0 ||
        sandbox_monitor(directory, m->dotlock.names) < 0)
        end_of(m, "sandbox");
}

/* Bears the user's keeper, becomes him, and hands front the keeper's socket. */
static void admit(struct monitor *m, const struct frame_decision *d,
                  const struct place *place)
{
    struct keeper_birth birth = {.who = user_of(d),
                                 .user = d->name,
                                 .place = *place,
                                 .read_only = m->setup->read_only};
    char folders[PLACE_PATH];
    struct stat st;
    int keeper = -1;

    if (place_instead(m->setup->template, d->name, d->home, &birth.instead) < 0)
        end_of(m, "maildrop");
    if (m->setup->folders != NULL &&
        place_directory(m->setup->folders, d->name, d->home, folders) == 0)
        birth.folders = folders;
    if (geteuid() == 0 && !place_is_users(m->setup->template) &&
        stat(place->directory, &st) == 0)
        leave_out_group(&birth.who, st.st_gid);
    memcpy(m->user, d->name, sizeof m->user);
    birth.state = state_for(m, d);
    bear_keeper(m, &birth, &keeper);
    settle(m, &birth.who, &birth.place);
    m->phase = PHASE_SESSION;
    send_verdict(m, OUTCOME_ACCEPTED, keeper);
    close(keeper);
}

static void accept_login(struct monitor *m, const struct frame_decision *d)
{
    char quoted[LOG_QUOTED];
    struct place place;

    if (place_expand(m->setup->template, d->name, d->home, &place) < 0) {
        refuse(m, OUTCOME_REFUSED, "refused", d);
        return;
    }
    log_line(log_of(m), LOG_INFO, "login: peer=%s%s method=%s user=\"%s\"",
             m->setup->peer.text, m->setup->via, method_of(m, m->mechanism),
             log_quote(quoted, d->name));
    admit(m, d, &place);
}

/* Neither a strike nor a delay, but not without end. */
static void cancel(struct monitor *m)
{
    m->cancels++;
    send_verdict(m, OUTCOME_CANCELLED, -1);
}

/* Only a decision in an auth that then ended well counts. */
static void hear_auth(struct monitor *m)
{
    struct frame f;
    int got = frame_receive(m->auth, ROOM_MONITOR, m->phase, CLOCK_NEVER, &f);

    if (got < 0)
        end_of(m, "auth is not itself");
    if (got == 0)
        frame_make(&f, FRAME_DECISION);
    bool ended_well = bury_auth(m);
    if (m->said_farewell)
        return; /* nobody waits for it any more */
    if (got == 0 || !ended_well) {
        f.decision.outcome = OUTCOME_UNAVAILABLE;
        f.decision.asked_at = clock_ms();
    }
    log_remark(m, &f.decision);
    if (f.decision.outcome == OUTCOME_ACCEPTED)
        accept_login(m, &f.decision);
    else if (f.decision.outcome == OUTCOME_CANCELLED)
        cancel(m);
    else if (f.decision.outcome == OUTCOME_REFUSED)
        refuse(m, OUTCOME_REFUSED, "refused", &f.decision);
    else
        refuse(m, OUTCOME_UNAVAILABLE, "unavailable", &f.decision);
}

/* ---- the session ---- */

/* From here on the setup is the monitor's own. */
static struct setup *own_setup(struct monitor *m)
{
    if (m->setup != &m->told)
        m->told = *m->setup;
    m->setup = &m->told;
    return &m->told;
}

/* Behind a proxy nobody asks for anything before it has spoken. */
static bool proxy_is_awaited(const struct monitor *m)
{
    return m->setup->proxied && !m->heard_proxy;
}

/* What the proxy told counts for the log, for PAM and for the policy; the
 * judgement is made here, not in front. */
static void hear_proxy(struct monitor *m, const struct frame_peer *peer)
{
    struct proxy_header told = {.client = (enum proxy_client)peer->client,
                                .tls = peer->tls != 0};

    if (!proxy_is_awaited(m))
        end_of(m, "front tells of a proxy that there is not");
    memcpy(&told.address, peer->address, sizeof told.address);
    m->heard_proxy = true;
    m->proxy = told.client;
    setup_tell(own_setup(m), &told);
}

static void begin_login(struct monitor *m, enum mechanism mechanism)
{
    const struct setup *s = m->setup;

    if (m->failures >= LOGIN_TRIES || m->cancels >= LOGIN_CANCELS ||
        !mechanism_offered(mechanism, s->mechanisms, s->keys,
                           hears_plaintext(m)))
        end_of(m, "front asks for a login it may not have");
    m->mechanism = mechanism;
    bear_auth(m);
}

/* ---- TLS ---- */

static void ask_tls(struct monitor *m)
{
    const struct tls_terms *terms = &m->setup->tls;

    if (m->secure.asked || (!terms->first && !terms->offered))
        end_of(m, "front asks for TLS that it may not have");
    m->secure.asked = true;
    if (m->secure.pid == 0 && secure_bear(&m->secure, m->setup) < 0)
        end_of(m, "tls");
    if (m->secure.ready)
        secure_tell_front(&m->secure, m->front);
}

static void hear_ready(struct monitor *m, const struct frame_tls_ready *ready)
{
    if (m->secure.ready)
        end_of(m, "tls is ready twice");
    m->secure.ready = ready->key != TLS_KEY_UNUSABLE;
    if (ready->key != TLS_KEY_GOOD)
        log_line(log_of(m), LOG_WARNING, "warning: TLS%s: %s",
                 m->secure.ready ? "" : " is not offered", ready->why);
    secure_tell_front(&m->secure, m->front);
}

/* Whoever leaves a proxy's health check without a word is not told of. */
static void hear_report(struct monitor *m,
                        const struct frame_tls_report *report)
{
    char text[SECURE_TEXT];

    secure_text(report, text);
    if (m->setup->secured)
        end_of(m, "tls shakes hands twice");
    if (report->result == TLS_DONE)
        setup_secure(own_setup(m), text);
    else if (report->result != TLS_EOF || !m->setup->proxied)
        log_line(log_of(m), LOG_NOTICE, "tls failed: peer=%s%s %s",
                 m->setup->peer.text, m->setup->via, text);
}

/* It ends with its connection; if it never had one, front still waits. */
static void bury_tls(struct monitor *m)
{
    int status = secure_bury(&m->secure);

    log_death(m, status, "tls");
    if (m->secure.asked && !m->secure.answered)
        secure_tell_front(&m->secure, m->front);
}

static void hear_tls(struct monitor *m)
{
    struct frame f;
    int got =
        frame_receive(m->secure.wire, ROOM_MONITOR, m->phase, CLOCK_NEVER, &f);

    if (got < 0)
        end_of(m, "tls is not itself");
    if (got == 0)
        bury_tls(m);
    else if (f.type == FRAME_TLS_READY)
        hear_ready(m, &f.tls_ready);
    else if (f.type == FRAME_TLS_REPORT)
        hear_report(m, &f.tls_report);
    else
        end_of(m, "tls speaks for another room");
}

/* ---- front ---- */

static void hear_front(struct monitor *m)
{
    struct frame f;
    int got = frame_receive(m->front, ROOM_MONITOR, m->phase, CLOCK_NEVER, &f);

    if (got < 0)
        end_of(m, "front is not itself");
    if (got == 0) {
        close(m->front);
        m->front = -1;
    } else if (f.type == FRAME_FAREWELL) {
        m->farewell = f.farewell;
        m->said_farewell = true;
    } else if (f.type == FRAME_PEER) {
        hear_proxy(m, &f.peer);
    } else if (proxy_is_awaited(m)) {
        end_of(m, "front forgot the proxy");
    } else if (f.type == FRAME_ASK_AUTH) {
        begin_login(m, (enum mechanism)f.ask_auth.mechanism);
    } else if (f.type == FRAME_ASK_TLS) {
        ask_tls(m);
    } else if (f.type == FRAME_PLAINTEXT) {
        if (m->failures < LOGIN_TRIES)
            log_failure(m, (enum mechanism)f.plaintext.mechanism, "plaintext",
                        f.plaintext.user);
    } else {
        end_of(m, "front speaks for the keeper");
    }
}

static void answer_dotlock(struct monitor *m)
{
    struct frame f;

    frame_make(&f, FRAME_DOTLOCKED);
    if (m->dotlock.directory < 0)
        f.dotlocked.error = ENOENT;
    else if (dotlock_try(&m->dotlock) < 0)
        f.dotlocked.error = errno;
    frame_send(m->keeper, &f);
}

static void log_notice(const struct monitor *m, const struct frame_notice *n)
{
    static const char *const texts[NOTICE_COUNT] = {
        [NOTICE_NO_STATE] = "the state directory cannot be used",
        [NOTICE_NO_DOTLOCK] = "no dotlock can be made beside the maildrop",
        [NOTICE_FORBIDDEN] = "the maildrop is not a plain file of this user",
        [NOTICE_TROUBLE] = "the maildrop cannot be served",
        [NOTICE_RECOVERED] = "an interrupted update was finished",
        [NOTICE_LEFT_OUT] = "something in the maildrop is no message that can "
                            "be served and was left out",
        [NOTICE_ASIDE] = ("a progress record fits the maildrop no more and was "
                          "put aside in the state directory"),
    };
    char quoted[LOG_QUOTED];

    log_line(log_of(m), LOG_WARNING, "warning: user=\"%s\" %s%s%s",
             log_quote(quoted, m->user), texts[n->notice],
             n->error != 0 ? ": " : "",
             n->error != 0 ? strerror(n->error) : "");
}

static void hear_keeper(struct monitor *m)
{
    struct frame f;
    int got = frame_receive(m->keeper, ROOM_MONITOR, m->phase, CLOCK_NEVER, &f);

    if (got < 0)
        end_of(m, "keeper is not itself");
    if (got == 0) {
        close(m->keeper);
        m->keeper = -1;
    } else if (f.type == FRAME_DOTLOCK) {
        answer_dotlock(m);
    } else if (f.type == FRAME_UNDOTLOCK) {
        dotlock_release(&m->dotlock);
        frame_make(&f, FRAME_DOTLOCKED);
        frame_send(m->keeper, &f);
    } else if (f.type == FRAME_NOTICE) {
        log_notice(m, &f.notice);
    } else {
        end_of(m, "keeper speaks for front");
    }
}

/*
 * Waits for a word from any room; a held dotlock is refreshed meanwhile. tls
 * reports a handshake before front can have heard anything of it: it is looked
 * at after front and heard before it, so that its report is never late.
 */
static void wait_and_hear(struct monitor *m)
{
    struct pollfd polled[] = {{.fd = m->front, .events = POLLIN},
                              {.fd = m->auth, .events = POLLIN},
                              {.fd = m->keeper, .events = POLLIN},
                              {.fd = m->signals, .events = POLLIN},
                              {.fd = m->secure.wire, .events = POLLIN}};
    int patience = m->dotlock.fd >= 0 ? DOTLOCK_REFRESH_SECONDS * 1000 : -1;
    int ready = poll(polled, 5, patience);

    if (ready < 0 && errno != EINTR)
        end_of(m, "poll");
    if (ready == 0)
        dotlock_refresh(&m->dotlock);
    if (ready <= 0)
        return;
    if (polled[3].revents != 0)
        hear_signal(m);
    if (polled[4].revents != 0)
        hear_tls(m);
    else if (polled[2].revents != 0)
        hear_keeper(m);
    else if (polled[0].revents != 0)
        hear_front(m);
    else if (polled[1].revents != 0)
        hear_auth(m);
}

/* ---- the end ---- */

static const char *reason_of(const struct monitor *m)
{
    static const char *const reasons[END_COUNT] = {
        [END_QUIT] = "quit",   [END_EOF] = "eof",     [END_TIMEOUT] = "timeout",
        [END_ERROR] = "error", [END_INUSE] = "inuse", [END_REFUSED] = "refused",
        [END_PROXY] = "proxy",
    };

    return m->said_farewell ? reasons[m->farewell.reason] : "killed";
}

/*
 * A proxy looks every few seconds whether we live: it says so, or connects and
 * goes without a word, or is its own client. Nobody wants to read of that; a
 * try to log in is told whoever made it.
 */
static bool is_health_check(const struct monitor *m)
{
    if (!m->setup->proxied || m->phase != PHASE_GREETED || m->failures > 0 ||
        !m->said_farewell)
        return false;
    bool silent =
        m->farewell.received == 0 &&
        (m->farewell.reason == END_EOF || m->farewell.reason == END_ERROR);
    bool itself = m->heard_proxy &&
                  (m->proxy == PROXY_ITSELF ||
                   networks_hold(&m->setup->policy->proxies, &m->setup->peer));
    return silent || itself;
}

static void log_end(const struct monitor *m)
{
    const struct frame_farewell *f = &m->farewell;
    long seconds = (long)((clock_ms() - m->setup->started) / 1000);
    char quoted[LOG_QUOTED];

    if (is_health_check(m))
        return;
    if (m->phase != PHASE_SESSION) {
        log_line(log_of(m), LOG_INFO,
                 "closed before login: peer=%s secs=%ld reason=%s",
                 m->setup->peer.text, seconds, reason_of(m));
        return;
    }
    log_line(log_of(m), LOG_INFO,
             "session end: user=\"%s\" peer=%s secs=%ld reason=%s "
             "messages=%llu octets=%llu retrieved=%llu top=%llu deleted=%llu "
             "received=%llu sent=%llu",
             log_quote(quoted, m->user), m->setup->peer.text, seconds,
             reason_of(m), (unsigned long long)f->messages,
             (unsigned long long)f->octets, (unsigned long long)f->retrieved,
             (unsigned long long)f->top, (unsigned long long)f->deleted,
             (unsigned long long)f->received, (unsigned long long)f->sent);
}

static void bury(const struct monitor *m, pid_t pid, const char *room)
{
    int status;

    if (pid <= 0)
        return;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return;
    log_death(m, status, room);
}

static struct monitor new_monitor(const struct setup *setup,
                                  const struct secure *secure, int front,
                                  pid_t front_pid)
{
    return (struct monitor){.setup = setup,
                            .phase = PHASE_GREETED,
                            .front = front,
                            .auth = -1,
                            .keeper = -1,
                            .front_pid = front_pid,
                            .secure = *secure,
                            .signals = catch_signals(),
                            .dotlock = {.fd = -1, .directory = -1}};
}

/* Front ends when the client does, the keeper when front does: the monitor
 * waits for both, so that it can undo what they leave. */
static void outlive(struct monitor *m)
{
    while (m->front >= 0 || m->keeper >= 0)
        wait_and_hear(m);
    dotlock_release(&m->dotlock);
    if (m->auth >= 0) {
        kill(m->auth_pid, SIGKILL);
        bury_auth(m);
    }
    bury(m, m->front_pid, "front");
    bury(m, m->keeper_pid, "keeper");
}

/* What is on its way to the client goes through tls, and takes as long as the
 * client does; a service that is stopped does not wait. */
static void let_tls_finish(struct monitor *m)
{
    secure_leave(&m->secure);
    while (m->secure.wire >= 0 && !m->hurried)
        wait_and_hear(m);
}

void monitor_run(const struct setup *setup, const struct secure *secure,
                 int front, pid_t front_pid)
{
    struct monitor m = new_monitor(setup, secure, front, front_pid);

    outlive(&m);
    log_end(&m);
    let_tls_finish(&m);
}

void monitor_visit(const struct setup *setup,
                   const struct frame_decision *account,
                   const struct place *place, int visitor, pid_t visitor_pid)
{
    struct secure none;

    secure_start(&none);
    struct monitor m = new_monitor(setup, &none, visitor, visitor_pid);
    admit(&m, account, place);
    outlive(&m);
}
