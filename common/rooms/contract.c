/* Frames between rooms. Runs in every room; each distrusts the sender. */

#include "rooms/contract.h"
#include "base/clock.h"
#include "net/proxy.h"
#include "rooms/setup.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY offsetof(struct frame, ask_auth)

struct row {
    uint32_t size; /* octets of the body */
    unsigned char receiver;
    unsigned short phases;
    unsigned char fds_least, fds_most;
    bool (*check)(const struct frame *);
};

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool ask_auth_ok(const struct frame *f)
{
    return f->ask_auth.mechanism < MECHANISM_COUNT;
}

static bool peer_ok(const struct frame *f)
{
    return f->peer.client < PROXY_CLIENTS && f->peer.tls <= 1;
}

static bool plaintext_ok(const struct frame *f)
{
    return f->plaintext.mechanism < MECHANISM_COUNT &&
           ends(f->plaintext.user, sizeof f->plaintext.user);
}

static bool order_ok(const struct frame *f)
{
    return f->order.mechanism < MECHANISM_COUNT &&
           ends(f->order.service, sizeof f->order.service) &&
           ends(f->order.peer, sizeof f->order.peer) &&
           ends(f->order.secrets, sizeof f->order.secrets) &&
           ends(f->order.key, sizeof f->order.key) &&
           ends(f->order.state, sizeof f->order.state) &&
           ends(f->order.stamp, sizeof f->order.stamp) &&
           ends(f->order.services, sizeof f->order.services) &&
           f->order.domains[TEXT_DOMAINS - 1] == '\0';
}

static bool password_ok(const struct frame *f)
{
    return ends(f->password.user, sizeof f->password.user) &&
           ends(f->password.password, sizeof f->password.password);
}

static bool piece_ok(const struct frame *f)
{
    return f->piece.size <= PIECE_OCTETS;
}

static bool decision_ok(const struct frame *f)
{
    return f->decision.outcome < OUTCOME_COUNT &&
           f->decision.remark < REMARK_COUNT &&
           f->decision.group_count <= GROUPS_MAX &&
           ends(f->decision.claimed, sizeof f->decision.claimed) &&
           ends(f->decision.name, sizeof f->decision.name) &&
           ends(f->decision.home, sizeof f->decision.home);
}

static bool verdict_ok(const struct frame *f)
{
    return f->verdict.outcome < OUTCOME_COUNT &&
           f->fd_count == (f->verdict.outcome == OUTCOME_ACCEPTED);
}

static bool open_ok(const struct frame *f)
{
    return ends(f->open.folder, sizeof f->open.folder);
}

static bool opened_ok(const struct frame *f)
{
    return f->opened.status < STATUS_COUNT &&
           f->opened.unverified <= f->opened.count &&
           f->opened.count <= MESSAGES_MAX &&
           f->opened.octets <= INT64_MAX;
}

static bool listed_ok(const struct frame *f)
{
    return f->status.status < STATUS_COUNT &&
           (f->fd_count > 0) == (f->status.status == STATUS_OK);
}

static bool identified_ok(const struct frame *f)
{
    return f->identified.status < STATUS_COUNT &&
           f->fd_count == (f->identified.status == STATUS_OK) &&
           f->identified.stride <= 256;
}

static bool fetch_ok(const struct frame *f)
{
    return f->fetch.count >= 1 && f->fetch.count <= FRAME_FDS;
}

static bool fetched_ok(const struct frame *f)
{
    return f->status.status < STATUS_COUNT &&
           (f->fd_count > 0) == (f->status.status == STATUS_OK);
}

static bool status_ok(const struct frame *f)
{
    return f->status.status < STATUS_COUNT;
}

static bool marks_ok(const struct frame *f)
{
    return f->marks.size <= MARKS_OCTETS;
}

static bool notice_ok(const struct frame *f)
{
    return f->notice.notice < NOTICE_COUNT;
}

static bool farewell_ok(const struct frame *f)
{
    return f->farewell.reason < END_COUNT;
}

static bool tls_order_ok(const struct frame *f)
{
    return f->tls_order.least < TLS_VERSION_COUNT &&
           ends(f->tls_order.cert, sizeof f->tls_order.cert) &&
           ends(f->tls_order.key, sizeof f->tls_order.key);
}

static bool tls_ready_ok(const struct frame *f)
{
    return f->tls_ready.key < TLS_KEY_COUNT &&
           ends(f->tls_ready.why, sizeof f->tls_ready.why);
}

static bool tls_born_ok(const struct frame *f)
{
    return f->tls_born.usable <= 1 &&
           f->fd_count == (f->tls_born.usable ? 2 : 0);
}

/* The text goes into the log between quotes, from a room that has read the
 * client's octets. */
static bool tls_report_ok(const struct frame *f)
{
    const char *text = f->tls_report.text;

    if (f->tls_report.result >= TLS_RESULT_COUNT ||
        f->tls_report.version >= TLS_VERSION_COUNT ||
        !ends(text, sizeof f->tls_report.text))
        return false;
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
            return false;
    return true;
}

static bool any_ok(const struct frame *f)
{
    (void)f;
    return true;
}

/* The keeper has listed a mailbox, whichever kind it is; it has one open. */
#define PHASE_EITHER (PHASE_OPEN | PHASE_TREE)
#define PHASE_ANY    (PHASE_COUNTED | PHASE_EITHER)

#define SIZE(member) sizeof(((struct frame *)0)->member)

static const struct row rows[FRAME_TYPES] = {
    [FRAME_ASK_AUTH] = {SIZE(ask_auth), ROOM_MONITOR, PHASE_GREETED, 0, 0,
                        ask_auth_ok},
    [FRAME_PEER] = {SIZE(peer), ROOM_MONITOR, PHASE_GREETED, 0, 0, peer_ok},
    [FRAME_PLAINTEXT] = {SIZE(plaintext), ROOM_MONITOR, PHASE_GREETED, 0, 0,
                         plaintext_ok},
    [FRAME_AUTH_BORN] = {0, ROOM_FRONT, PHASE_GREETED, 1, 1, any_ok},
    [FRAME_ORDER] = {SIZE(order), ROOM_AUTH, PHASE_GREETED, 0, 0, order_ok},
    [FRAME_PASSWORD] = {SIZE(password), ROOM_AUTH, PHASE_LOGIN, 0, 0,
                        password_ok},
    [FRAME_SAID] = {SIZE(piece), ROOM_AUTH, PHASE_DIALOGUE, 0, 0, piece_ok},
    [FRAME_CHALLENGE] = {SIZE(piece), ROOM_FRONT, PHASE_DIALOGUE, 0, 0,
                         piece_ok},
    [FRAME_DECISION] = {SIZE(decision), ROOM_MONITOR, PHASE_LOGIN, 0, 0,
                        decision_ok},
    [FRAME_VERDICT] = {SIZE(verdict), ROOM_FRONT, PHASE_LOGIN, 0, 1,
                       verdict_ok},
    [FRAME_OPEN] = {SIZE(open), ROOM_KEEPER, PHASE_CLOSED | PHASE_ANY, 0, 0,
                    open_ok},
    [FRAME_OPENED] = {SIZE(opened), ROOM_FRONT, PHASE_SESSION, 0, 0, opened_ok},
    [FRAME_LIST] = {0, ROOM_KEEPER, PHASE_COUNTED, 0, 0, any_ok},
    [FRAME_LISTED] = {SIZE(status), ROOM_FRONT, PHASE_SESSION, 0, 2, listed_ok},
    [FRAME_IDENTIFY] = {0, ROOM_KEEPER, PHASE_EITHER, 0, 0, any_ok},
    [FRAME_IDENTIFIED] = {SIZE(identified), ROOM_FRONT, PHASE_SESSION, 0, 1,
                          identified_ok},
    [FRAME_CONFIRM] = {SIZE(confirm), ROOM_KEEPER, PHASE_OPEN, 0, 0, any_ok},
    [FRAME_CONFIRMED] = {SIZE(status), ROOM_FRONT, PHASE_SESSION, 0, 0,
                         status_ok},
    [FRAME_FETCH] = {SIZE(fetch), ROOM_KEEPER, PHASE_TREE, 0, 0, fetch_ok},
    [FRAME_FETCHED] = {SIZE(status), ROOM_FRONT, PHASE_SESSION, 0, FRAME_FDS,
                       fetched_ok},
    [FRAME_MARKS] = {SIZE(marks), ROOM_KEEPER, PHASE_EITHER, 0, 0, marks_ok},
    [FRAME_COMMIT] = {SIZE(commit), ROOM_KEEPER, PHASE_ANY, 0, 0, any_ok},
    [FRAME_COMMITTED] = {SIZE(status), ROOM_FRONT, PHASE_SESSION, 0, 0,
                         status_ok},
    [FRAME_DOTLOCK] = {0, ROOM_MONITOR, PHASE_SESSION, 0, 0, any_ok},
    [FRAME_DOTLOCKED] = {SIZE(dotlocked), ROOM_KEEPER, PHASE_CLOSED | PHASE_ANY,
                         0, 0, any_ok},
    [FRAME_UNDOTLOCK] = {0, ROOM_MONITOR, PHASE_SESSION, 0, 0, any_ok},
    [FRAME_NOTICE] = {SIZE(notice), ROOM_MONITOR, PHASE_SESSION, 0, 0,
                      notice_ok},
    [FRAME_FAREWELL] = {SIZE(farewell), ROOM_MONITOR,
                        PHASE_GREETED | PHASE_LOGIN | PHASE_SESSION, 0, 0,
                        farewell_ok},
    [FRAME_ASK_TLS] = {0, ROOM_MONITOR, PHASE_GREETED, 0, 0, any_ok},
    [FRAME_TLS_ORDER] = {SIZE(tls_order), ROOM_TLS, PHASE_KEYLESS, 0, 0,
                         tls_order_ok},
    [FRAME_TLS_READY] = {SIZE(tls_ready), ROOM_MONITOR,
                         PHASE_GREETED | PHASE_LOGIN, 0, 0, tls_ready_ok},
    [FRAME_TLS_BORN] = {SIZE(tls_born), ROOM_FRONT, PHASE_GREETED, 0, 2,
                        tls_born_ok},
    [FRAME_TLS_CLIENT] = {0, ROOM_TLS, PHASE_KEYED, 1, 2, any_ok},
    [FRAME_TLS_REPORT] = {SIZE(tls_report), ROOM_MONITOR,
                          PHASE_GREETED | PHASE_LOGIN, 0, 0, tls_report_ok},
};

int frame_wire(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

void frame_make(struct frame *f, enum frame_type type)
{
    memset(f, 0, sizeof *f);
    f->type = type;
    f->version = CONTRACT_VERSION;
}

static void attach(struct msghdr *msg, const struct frame *f, char *control)
{
    if (f->fd_count == 0)
        return;
    msg->msg_control = control;
    msg->msg_controllen = CMSG_SPACE(f->fd_count * sizeof(int));
    struct cmsghdr *header = (struct cmsghdr *)(void *)control;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(f->fd_count * sizeof(int));
    memcpy(CMSG_DATA(header), f->fds, f->fd_count * sizeof(int));
}

int frame_send(int wire, const struct frame *f)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof f->fds)] = {0};
    struct iovec body = {(void *)(uintptr_t)f, BODY + rows[f->type].size};
    struct msghdr msg = {.msg_iov = &body, .msg_iovlen = 1};
    ssize_t n;

    attach(&msg, f, control);
    do
        n = sendmsg(wire, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

static void detach(struct msghdr *msg, struct frame *f)
{
    f->fd_count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL;
         h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && f->fd_count < FRAME_FDS; i++)
            memcpy(&f->fds[f->fd_count++], CMSG_DATA(h) + i * sizeof(int),
                   sizeof(int));
    }
}

void frame_close_fds(struct frame *f)
{
    for (unsigned i = 0; i < f->fd_count; i++)
        close(f->fds[i]);
    f->fd_count = 0;
}

bool frame_check(const struct frame *f, size_t size, enum room receiver,
                 unsigned phase)
{
    if (size < BODY || f->version != CONTRACT_VERSION || f->type == 0 ||
        f->type >= FRAME_TYPES)
        return false;
    const struct row *row = &rows[f->type];
    return size == BODY + row->size && row->receiver == receiver &&
           (row->phases & phase) != 0 && f->fd_count >= row->fds_least &&
           f->fd_count <= row->fds_most && row->check(f);
}

static int wait_readable(int wire, int64_t deadline)
{
    struct pollfd polled = {.fd = wire, .events = POLLIN};
    int ready;

    do
        ready = poll(&polled, 1, clock_left(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0 ? 0 : -1;
}

int frame_receive(int wire, enum room receiver, unsigned phase,
                  int64_t deadline, struct frame *f)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof f->fds)];
    struct iovec body = {f, offsetof(struct frame, fds)};
    struct msghdr msg = {.msg_iov = &body,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t n;

    if (wait_readable(wire, deadline) < 0)
        return -1;
    do
        n = recvmsg(wire, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -1;
    detach(&msg, f); /* even an empty message can carry descriptors */
    if (n == 0) {
        frame_close_fds(f);
        return 0;
    }
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        frame_check(f, (size_t)n, receiver, phase))
        return 1;
    frame_close_fds(f);
    errno = EPROTO;
    return -1;
}

int frame_expect(int wire, enum room receiver, unsigned phase,
                 enum frame_type type, int64_t deadline, struct frame *f)
{
    int got = frame_receive(wire, receiver, phase, deadline, f);

    if ((got == 1 && f->type != type) || (got < 0 && errno == EPROTO))
        _exit(EXIT_OWNED);
    if (got == 0)
        errno = EPIPE;
    return got == 1 ? 0 : -1;
}
