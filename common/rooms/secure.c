/* The monitor's side of the tls room. Runs in the monitor, and in the start
 * before there is one; checks every frame, and believes of the handshake what
 * the room says: one that lies has only its own client to lie about. */

#include "rooms/secure.h"
#include "base/clock.h"
#include "rooms/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void secure_start(struct secure *s)
{
    *s = (struct secure){.wire = -1, .socket = -1, .stream = -1};
}

void secure_leave(struct secure *s)
{
    if (s->socket >= 0)
        close(s->socket);
    if (s->stream >= 0)
        close(s->stream);
    s->socket = s->stream = -1;
}

/* Whether it arrived shows in the answer: the room may have ended already. */
static void send_order(const struct secure *s, const struct setup *setup)
{
    struct frame f;

    frame_make(&f, FRAME_TLS_ORDER);
    f.tls_order.least = setup->tls.least;
    f.tls_order.room_uid = setup->room_uid;
    f.tls_order.room_gid = setup->room_gid;
    f.tls_order.login_ends = setup->login_ends;
    f.tls_order.patience = setup->patience;
    strncpy(f.tls_order.cert, setup->tls.cert, sizeof f.tls_order.cert - 1);
    strncpy(f.tls_order.key, setup->tls.key, sizeof f.tls_order.key - 1);
    frame_send(s->wire, &f);
}

int secure_bear(struct secure *s, const struct setup *setup)
{
    int to_front[2], to_monitor[2], stream[2];

    if (frame_wire(to_front) < 0 || frame_wire(to_monitor) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) < 0)
        return -1;
    const int given[] = {to_front[1], to_monitor[1], stream[1]};
    s->pid = helper_start(setup->tls_program, "restante-tls", given, 3);
    if (s->pid < 0)
        return -1;
    close(to_front[1]);
    close(to_monitor[1]);
    close(stream[1]);
    s->wire = to_monitor[0];
    s->socket = to_front[0];
    s->stream = stream[0];
    send_order(s, setup);
    return 0;
}

/* It ended before it had said what it thinks of the key. */
static enum tls_key explain_end(struct secure *s, char *why)
{
    int status = secure_bury(s);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

    if (code == EXIT_LOADER)
        strcpy(why, "the tls program cannot be loaded: install OpenSSL's "
                    "library libssl");
    else if (code >= EXIT_CAGE)
        snprintf(why, TEXT_WHY, "the tls program cannot enter its cage: %s",
                 strerror(code - EXIT_CAGE));
    else
        snprintf(why, TEXT_WHY, "the tls program ended (status %#x)",
                 (unsigned)status);
    return TLS_KEY_UNUSABLE;
}

enum tls_key secure_await(struct secure *s, int64_t deadline, char *why)
{
    struct frame f;
    int got = frame_receive(s->wire, ROOM_MONITOR, PHASE_GREETED, deadline, &f);

    if (got < 0)
        kill(s->pid, SIGKILL); /* it may be waiting for a file server */
    if (got != 1 || f.type != FRAME_TLS_READY)
        return explain_end(s, why);
    memcpy(why, f.tls_ready.why, TEXT_WHY);
    s->ready = f.tls_ready.key != TLS_KEY_UNUSABLE;
    return (enum tls_key)f.tls_ready.key;
}

int secure_bury(struct secure *s)
{
    int status = 0;

    close(s->wire);
    s->wire = -1;
    s->ready = false;
    secure_leave(s);
    while (waitpid(s->pid, &status, 0) < 0)
        if (errno != EINTR)
            break;
    return status;
}

void secure_tell_front(struct secure *s, int front)
{
    struct frame f;

    frame_make(&f, FRAME_TLS_BORN);
    f.tls_born.usable = s->ready;
    if (s->ready) {
        f.fds[0] = s->socket;
        f.fds[1] = s->stream;
        f.fd_count = 2;
    }
    frame_send(front, &f);
    s->answered = true;
    secure_leave(s);
}

const char *secure_text(const struct frame_tls_report *report, char *text)
{
    static const char *const versions[TLS_VERSION_COUNT] = {
        [TLS_1_0] = "TLSv1",
        [TLS_1_1] = "TLSv1.1",
        [TLS_1_2] = "TLSv1.2",
        [TLS_1_3] = "TLSv1.3",
    };
    static const char *const reasons[TLS_RESULT_COUNT] = {
        [TLS_PROTOCOL] = "protocol", [TLS_ALERT] = "alert",
        [TLS_EOF] = "eof",           [TLS_TIMEOUT] = "timeout",
        [TLS_ABANDONED] = "killed",
    };

    if (report->result == TLS_DONE)
        snprintf(text, SECURE_TEXT, "tls=%s cipher=%s",
                 versions[report->version], report->text);
    else if (report->text[0] != '\0')
        snprintf(text, SECURE_TEXT, "reason=%s text=\"%s\"",
                 reasons[report->result], report->text);
    else
        snprintf(text, SECURE_TEXT, "reason=%s", reasons[report->result]);
    return text;
}
