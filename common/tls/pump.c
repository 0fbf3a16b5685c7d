/*
 * Between the client and front. Runs in the tls program, as _restante in its
 * cage, with the private key in its memory; distrusts the client's octets and
 * the pace at which it reads and writes.
 *
 * The library never touches a descriptor: it reads from one buffer and writes
 * into another, and this file decides when either goes to the kernel.
 */

#include "tls/pump.h"
#include "base/clock.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RECORD = 16 * 1024,   /* octets in the largest record */
    RECORDS = 4,          /* that leave in one call */
    OVERHEAD = 512,       /* octets that TLS adds to one, generously */
    GRACE = 1000,         /* milliseconds that front gets to end first */
    LINGER = 2000,        /* milliseconds for the client to see the end */
    HEARD_SIZE = RECORD,  /* from the client, encrypted */
    OPENED_SIZE = RECORD, /* for front */
    TOLD_SIZE = RECORDS * RECORD,               /* from front */
    SEALED_SIZE = RECORDS * (RECORD + OVERHEAD) /* for the client, encrypted */
};

struct buffer {
    char *octets;
    size_t size, start, end;
};

struct pump {
    SSL *ssl;
    int in, out, front;
    bool is_socket;     /* send without waiting; else pieces of PIPE_BUF */
    bool client_ended;  /* nothing more comes from its descriptor */
    bool client_silent; /* ... and nothing more from inside TLS */
    bool client_lost;   /* nothing more can be sent to it */
    bool front_ended;   /* front has said everything */
    bool front_told;    /* front knows that the client is silent */
    bool front_speaks;  /* front may have something for us now */
    int64_t progress;   /* when the client last took something */
    struct buffer heard, opened, told, sealed;
    char heard_octets[HEARD_SIZE], opened_octets[OPENED_SIZE];
    char told_octets[TOLD_SIZE], sealed_octets[SEALED_SIZE];
};

static bool is_empty(const struct buffer *b)
{
    return b->start == b->end;
}

/* Takes octets off the front of a buffer. */
static void took(struct buffer *b, size_t len)
{
    b->start += len;
    if (is_empty(b))
        b->start = b->end = 0;
}

/* Octets that can be appended. */
static size_t room(const struct buffer *b)
{
    return b->size - b->end;
}

/* ---- the library's side ---- */

static int bio_read(BIO *bio, char *to, int len)
{
    struct pump *p = BIO_get_data(bio);
    size_t held = p->heard.end - p->heard.start;
    size_t part = (size_t)len < held ? (size_t)len : held;

    BIO_clear_retry_flags(bio);
    if (part == 0) {
        if (!p->client_ended)
            BIO_set_retry_read(bio);
        return p->client_ended ? 0 : -1;
    }
    memcpy(to, p->heard.octets + p->heard.start, part);
    took(&p->heard, part);
    return (int)part;
}

static int bio_write(BIO *bio, const char *from, int len)
{
    struct pump *p = BIO_get_data(bio);
    size_t part =
        (size_t)len < room(&p->sealed) ? (size_t)len : room(&p->sealed);

    BIO_clear_retry_flags(bio);
    if (part == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (is_empty(&p->sealed))
        p->progress = clock_ms();
    memcpy(p->sealed.octets + p->sealed.end, from, part);
    p->sealed.end += part;
    return (int)part;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct pump *p = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return p->client_ended && is_empty(&p->heard);
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO *make_bio(struct pump *p)
{
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buffers");

    if (method == NULL || BIO_meth_set_read(method, bio_read) != 1 ||
        BIO_meth_set_write(method, bio_write) != 1 ||
        BIO_meth_set_ctrl(method, bio_control) != 1 ||
        BIO_meth_set_create(method, bio_create) != 1)
        return NULL;
    BIO *bio = BIO_new(method);
    if (bio != NULL)
        BIO_set_data(bio, p);
    return bio;
}

static bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

struct pump *pump_make(SSL_CTX *terms, int in, int out, int front)
{
    struct pump *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->in = in;
    p->out = out;
    p->front = front;
    p->is_socket = is_socket(out);
    p->heard = (struct buffer){p->heard_octets, HEARD_SIZE, 0, 0};
    p->opened = (struct buffer){p->opened_octets, OPENED_SIZE, 0, 0};
    p->told = (struct buffer){p->told_octets, TOLD_SIZE, 0, 0};
    p->sealed = (struct buffer){p->sealed_octets, SEALED_SIZE, 0, 0};
    p->ssl = SSL_new(terms);
    BIO *bio = make_bio(p);
    if (p->ssl == NULL || bio == NULL)
        return NULL;
    SSL_set_bio(p->ssl, bio, bio);
    SSL_set_accept_state(p->ssl);
    return p;
}

/* ---- the client's descriptors ---- */

/* Only when poll() has said that there is something. Without room nothing is
 * read, which would look like the end: the library takes octets only as long as
 * it has somewhere to put an answer that TLS itself must give. */
static void hear_client(struct pump *p)
{
    if (room(&p->heard) == 0)
        return;
    ssize_t n = read(p->in, p->heard.octets + p->heard.end, room(&p->heard));

    if (n > 0)
        p->heard.end += (size_t)n;
    else if (n == 0)
        p->client_ended = true;
    else if (errno != EINTR && errno != EAGAIN)
        p->client_ended = p->client_lost = true;
}

static ssize_t write_some(const struct pump *p, const char *from, size_t len)
{
    if (p->is_socket)
        return send(p->out, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(p->out, from, len < PIPE_BUF ? len : PIPE_BUF);
}

/* As much as goes without waiting. */
static void tell_client(struct pump *p)
{
    while (!is_empty(&p->sealed) && !p->client_lost) {
        ssize_t n = write_some(p, p->sealed.octets + p->sealed.start,
                               p->sealed.end - p->sealed.start);
        if (n > 0) {
            took(&p->sealed, (size_t)n);
            p->progress = clock_ms();
        } else if (n < 0 && errno == EAGAIN) {
            return;
        } else if (n < 0 && errno != EINTR) {
            p->client_lost = true;
        }
        if (!p->is_socket)
            return; /* the next write could wait */
    }
}

/* ---- the handshake ---- */

enum awaited {
    AWAIT_CLIENT,
    AWAIT_ROOM, /* for what the client is to get */
    AWAIT_FRONT,
    AWAIT_COUNT
};

static int await(struct pollfd *polled, int64_t deadline)
{
    int ready;

    /* A descriptor that is not asked for anything would say that it hung up,
     * again and again. */
    for (int i = 0; i < AWAIT_COUNT; i++)
        if (polled[i].events == 0)
            polled[i].fd = -1;
    do
        ready = poll(polled, AWAIT_COUNT, clock_left(deadline));
    while (ready < 0 && errno == EINTR);
    return ready;
}

/* Front has the same deadline and is to be the one that says so in the log. */
static int64_t with_grace(int64_t deadline)
{
    return deadline == CLOCK_NEVER ? CLOCK_NEVER : deadline + GRACE;
}

/* Waits for what the handshake needs. Returns TLS_DONE to go on. */
static enum tls_result wait_to_shake(struct pump *p, int64_t deadline)
{
    struct pollfd polled[AWAIT_COUNT] = {
        [AWAIT_CLIENT] = {.fd = p->in,
                          .events = room(&p->heard) > 0 ? POLLIN : 0},
        [AWAIT_ROOM] = {.fd = p->out,
                        .events = is_empty(&p->sealed) ? 0 : POLLOUT},
        [AWAIT_FRONT] = {.fd = p->front, .events = POLLRDHUP}};
    int ready = await(polled, with_grace(deadline));

    if (ready == 0)
        return TLS_TIMEOUT;
    if (ready < 0 || polled[AWAIT_FRONT].revents != 0)
        return clock_left(deadline) == 0 ? TLS_TIMEOUT : TLS_ABANDONED;
    if (polled[AWAIT_CLIENT].revents != 0)
        hear_client(p);
    if (polled[AWAIT_ROOM].revents != 0)
        tell_client(p);
    return TLS_DONE;
}

/* What the library has to say about a handshake that failed. */
static enum tls_result explain(char *text)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);

    if (error == 0)
        return TLS_EOF;
    if (reason != NULL)
        strncpy(text, reason, TEXT_TLS - 1);
    return ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET ? TLS_ALERT
                                                        : TLS_PROTOCOL;
}

static enum tls_result shake(struct pump *p, int64_t deadline, char *text)
{
    for (;;) {
        ERR_clear_error();
        int done = SSL_do_handshake(p->ssl);
        tell_client(p);
        if (done == 1)
            return TLS_DONE;
        int error = SSL_get_error(p->ssl, done);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            return explain(text);
        enum tls_result waited = wait_to_shake(p, deadline);
        if (waited != TLS_DONE)
            return waited;
    }
}

static enum tls_version version_of(const SSL *ssl)
{
    switch (SSL_version(ssl)) {
    case TLS1_VERSION:
        return TLS_1_0;
    case TLS1_1_VERSION:
        return TLS_1_1;
    case TLS1_2_VERSION:
        return TLS_1_2;
    default:
        return TLS_1_3;
    }
}

/* ---- the end ---- */

/* Octets that arrive at a closed socket answer with a reset, which can destroy
 * what the client has not read yet: wait a moment until it has closed, too. */
static void linger(struct pump *p)
{
    int64_t deadline = clock_ms() + LINGER;

    while (!p->client_ended && !p->client_lost && clock_left(deadline) != 0) {
        struct pollfd polled[AWAIT_COUNT] = {
            [AWAIT_CLIENT] = {.fd = p->in, .events = POLLIN}};
        if (await(polled, deadline) <= 0)
            return;
        p->heard.start = p->heard.end = 0;
        hear_client(p);
    }
}

static void tell_the_rest(struct pump *p)
{
    int64_t deadline = clock_ms() + LINGER;

    tell_client(p);
    while (!is_empty(&p->sealed) && !p->client_lost &&
           clock_left(deadline) != 0) {
        struct pollfd polled[AWAIT_COUNT] = {
            [AWAIT_ROOM] = {.fd = p->out, .events = POLLOUT}};
        if (await(polled, deadline) <= 0)
            return;
        tell_client(p);
    }
}

void pump_part(struct pump *p)
{
    shutdown(p->front, SHUT_RDWR);
    tell_the_rest(p);
    if (!p->is_socket)
        return;
    shutdown(p->out, SHUT_WR);
    linger(p);
}

void pump_shake(struct pump *p, int64_t deadline,
                struct frame_tls_report *report)
{
    memset(report, 0, sizeof *report);
    report->result = shake(p, deadline, report->text);
    if (report->result != TLS_DONE)
        return;
    report->version = version_of(p->ssl);
    strncpy(report->text, SSL_get_cipher_name(p->ssl), TEXT_TLS - 1);
}

/* ---- what goes through ---- */

static void open_records(struct pump *p)
{
    if (p->client_silent || !is_empty(&p->opened))
        return;
    ERR_clear_error();
    int n = SSL_read(p->ssl, p->opened.octets, OPENED_SIZE);
    if (n > 0) {
        p->opened.end = (size_t)n;
        return;
    }
    int error = SSL_get_error(p->ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return;
    p->client_silent = true;
    if (error != SSL_ERROR_ZERO_RETURN) {
        tell_client(p); /* the alert */
        p->client_lost = true;
    }
}

static void seal_records(struct pump *p)
{
    while (!is_empty(&p->told) && room(&p->sealed) >= RECORD + OVERHEAD) {
        ERR_clear_error();
        int n = SSL_write(p->ssl, p->told.octets + p->told.start,
                          (int)(p->told.end - p->told.start));
        if (n > 0) {
            took(&p->told, (size_t)n);
            continue;
        }
        p->client_lost = true;
        return;
    }
}

static void end_for_front(struct pump *p)
{
    if (p->front_told || !p->client_silent || !is_empty(&p->opened))
        return;
    shutdown(p->front, SHUT_WR);
    p->front_told = true;
}

/* What was delivered may have been a password. */
static void tell_front(struct pump *p)
{
    while (!is_empty(&p->opened)) {
        ssize_t n =
            send(p->front, p->opened.octets + p->opened.start,
                 p->opened.end - p->opened.start, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EINTR)
            continue;
        size_t gone = n > 0 ? (size_t)n : p->opened.end - p->opened.start;
        explicit_bzero(p->opened.octets + p->opened.start, gone);
        took(&p->opened, gone);
    }
}

/* All that can be opened and that front takes. */
static void carry_inward(struct pump *p)
{
    bool opened;

    do {
        open_records(p);
        opened = !is_empty(&p->opened);
        tell_front(p);
    } while (opened && is_empty(&p->opened));
    end_for_front(p);
}

static void hear_front(struct pump *p)
{
    if (!p->front_speaks || !is_empty(&p->told) || !is_empty(&p->sealed))
        return;
    ssize_t n = recv(p->front, p->told.octets, TOLD_SIZE, MSG_DONTWAIT);
    if (n > 0)
        p->told.end = (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        p->front_ended = true;
    p->front_speaks = n > 0;
}

/* Waits until something can move. Returns false when nothing has for too
 * long. */
static bool wait_to_move(struct pump *p, int64_t patience)
{
    bool owing = !is_empty(&p->sealed);
    bool hungry = is_empty(&p->opened) && room(&p->heard) > 0 &&
                  !p->client_ended && !p->front_ended;
    short front = (short)((is_empty(&p->opened) ? 0 : POLLOUT) |
                          (owing || p->front_ended ? 0 : POLLIN));
    struct pollfd polled[AWAIT_COUNT] = {
        [AWAIT_CLIENT] = {.fd = p->in, .events = hungry ? POLLIN : 0},
        [AWAIT_ROOM] = {.fd = p->out, .events = owing ? POLLOUT : 0},
        [AWAIT_FRONT] = {.fd = p->front, .events = front}};
    int64_t deadline = owing && patience != CLOCK_NEVER
                           ? with_grace(p->progress + patience)
                           : CLOCK_NEVER;

    if (await(polled, deadline) <= 0)
        return false;
    if (polled[AWAIT_CLIENT].revents != 0)
        hear_client(p);
    if (polled[AWAIT_FRONT].revents != 0)
        p->front_speaks = true;
    return true;
}

void pump_run(struct pump *p, int64_t patience)
{
    p->front_speaks = true;
    for (;;) {
        carry_inward(p);
        hear_front(p);
        seal_records(p);
        tell_client(p);
        if (p->client_lost)
            return;
        if (p->front_ended && is_empty(&p->told) && is_empty(&p->sealed))
            break;
        bool flows = p->front_speaks && is_empty(&p->sealed);
        if (!flows && !wait_to_move(p, patience))
            return;
    }
    SSL_shutdown(p->ssl);
    pump_part(p);
}
