/*
 * The monitor: the room that outlives the others and trusts none. Runs as root
 * until the login, then as the user with the spool's group, for good; or as
 * the caller where that is not root. Holds nothing of the client. Who may ask
 * it what, and when, is in the contract's table; what it does is bear auth and
 * keeper, hold the dotlock, and write the log.
 */

#include "rooms/monitor.h"
#include "base/clock.h"
#include "rooms/admission.h"
#include "rooms/contract.h"
#include "rooms/helper.h"
#include "rooms/report.h"

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

enum {
    TLS_LEAVE = 5000 /* milliseconds: it lingers for two at each of two steps */
};

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
    unsigned unheard; /* logins refused unheard: no strikes, and not counted
                         for ever */
    enum mechanism mechanism; /* of the login under way, or the last one */
    char user[TEXT_USER];     /* canonical, after the login */
    struct dotlock dotlock;
    int64_t ends; /* deadline of the monitor itself */
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
    enum helper helper = setup_helper(m->setup, m->mechanism);
    int to_front[2], to_monitor[2];

    if (frame_wire(to_front) < 0 || frame_wire(to_monitor) < 0)
        end_of(m, "socketpair");
    const int given[] = {to_front[1], to_monitor[1]};
    m->auth_pid =
        helper_start(m->setup->helpers[helper], "restante-auth", given, 2);
    if (m->auth_pid < 0)
        end_of(m, "fork");
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
        report_death(m->setup, status, "auth");
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OWNED)
        _exit(0); /* front is owned, and has just been told of */
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

static void fail(const struct monitor *m, enum mechanism mechanism,
                 const char *reason, const char *user)
{
    report_failure(m->setup, method_of(m, mechanism), m->failures + m->unheard,
                   reason, user);
}

/* A refusal leaves two seconds after the request was read, whatever was wrong
 * and however long it took to find out. */
static void refuse(struct monitor *m, enum outcome outcome, const char *reason,
                   const struct frame_decision *d)
{
    int64_t now = clock_ms();

    m->failures++;
    fail(m, m->mechanism, reason, d->claimed);
    clock_sleep_until((d->asked_at < now ? d->asked_at : now) + REFUSAL_DELAY);
    send_verdict(m, outcome, -1);
}

/* Bears the user's keeper, becomes him, and hands front the keeper's socket. */
static void admit(struct monitor *m, const struct frame_decision *d,
                  const struct place *place)
{
    struct admission admitted;

    if (admission_bear(m->setup, d, place, &admitted) < 0)
        end_of(m, "keeper");
    m->keeper = admitted.monitor;
    m->keeper_pid = admitted.pid;
    memcpy(m->user, d->name, sizeof m->user);
    if (admission_settle(m->setup, d, place, &m->dotlock) < 0)
        end_of(m, "drop");
    m->phase = PHASE_SESSION;
    send_verdict(m, OUTCOME_ACCEPTED, admitted.front);
    close(admitted.front);
}

static void accept_login(struct monitor *m, const struct frame_decision *d)
{
    struct place place;

    if (place_expand(m->setup->template, d->name, d->home, &place) < 0) {
        refuse(m, OUTCOME_REFUSED, "refused", d);
        return;
    }
    report_login(m->setup, method_of(m, m->mechanism), d->name);
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
    report_remark(m->setup, &f.decision);
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

    report_death(m->setup, status, "tls");
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

/* Nothing was tried, so that it is no guess; a client that goes on like this
 * has been told of. */
static void hear_plaintext(struct monitor *m, const struct frame_plaintext *p)
{
    if (m->unheard == LOGIN_TRIES)
        return;
    m->unheard++;
    fail(m, (enum mechanism)p->mechanism, "plaintext", p->user);
}

static void hear_front(struct monitor *m)
{
    struct frame f;
    int got = frame_receive(m->front, ROOM_MONITOR, m->phase, CLOCK_NEVER, &f);

    if (got < 0)
        end_of(m, "front is not itself");
    if (got == 0) {
        close(m->front);
        m->front = -1;
    } else if (m->said_farewell) {
        end_of(m, "front goes on behind its last word");
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
        hear_plaintext(m, &f.plaintext);
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
        report_notice(m->setup, m->user, &f.notice);
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
    int patience = m->dotlock.fd >= 0 ? DOTLOCK_REFRESH_SECONDS * 1000
                                      : clock_left(m->ends);
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

/*
 * A proxy looks every few seconds whether we live: it says so, or connects and
 * goes without a word, or is its own client. Nobody wants to read of that; a
 * try to log in is told whoever made it.
 */
static bool is_health_check(const struct monitor *m)
{
    if (!m->setup->proxied || m->phase != PHASE_GREETED || m->failures > 0 ||
        m->unheard > 0 || !m->said_farewell)
        return false;
    bool silent =
        m->farewell.received == 0 &&
        (m->farewell.reason == END_EOF || m->farewell.reason == END_ERROR);
    bool itself = m->heard_proxy &&
                  (m->proxy == PROXY_ITSELF ||
                   networks_hold(&m->setup->policy->proxies, &m->setup->peer));
    return silent || itself;
}

static void tell_end(const struct monitor *m)
{
    const struct frame_farewell *words = m->said_farewell ? &m->farewell : NULL;

    if (is_health_check(m))
        return;
    if (m->phase == PHASE_SESSION)
        report_end(m->setup, m->user, words);
    else
        report_closed(m->setup, words);
}

static void bury(const struct monitor *m, pid_t pid, const char *room)
{
    int status;

    if (pid <= 0)
        return;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return;
    report_death(m->setup, status, room);
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
                            .ends = CLOCK_NEVER,
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

/* Whoever never logged in has the time for the login, and at the end of it the
 * moment in which tls takes leave. */
static int64_t end_of_tls(const struct monitor *m)
{
    int64_t least = clock_ms() + TLS_LEAVE, ends = m->setup->login_ends;

    if (m->phase == PHASE_SESSION)
        return CLOCK_NEVER;
    return ends > least ? ends : least;
}

/* What is on its way to the client goes through tls, and takes as long as the
 * client does; a service that is stopped does not wait. tls ends with us. */
static void let_tls_finish(struct monitor *m)
{
    secure_leave(&m->secure);
    m->ends = end_of_tls(m);
    while (m->secure.wire >= 0 && m->secure.ready && !m->hurried &&
           clock_left(m->ends) != 0)
        wait_and_hear(m);
}

void monitor_run(const struct setup *setup, const struct secure *secure,
                 int front, pid_t front_pid)
{
    struct monitor m = new_monitor(setup, secure, front, front_pid);

    outlive(&m);
    tell_end(&m);
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
