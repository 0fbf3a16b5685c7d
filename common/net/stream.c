/*
 * Lines in, octets out, one deadline, one error latch. Runs in front, as
 * _restante in an empty chroot; distrusts every octet it reads and the pace at
 * which the client reads and writes.
 */

#include "net/stream.h"
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINGER = 2000, /* milliseconds for a client that has everything */
    GLANCE = 100   /* between two looks at one that has not */
};

enum {
    LEND_AT_LEAST = 4096,
    PRINTF_MAX = 512
};

static bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* What has left a socket of this machine's own has arrived. */
static bool crosses_network(int fd)
{
    int domain = 0;
    socklen_t len = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           (domain == AF_INET || domain == AF_INET6);
}

void stream_start(struct stream *s, int in, int out)
{
    s->in = in;
    s->out = out;
    s->guards[0] = s->guards[1] = -1;
    s->out_is_socket = is_socket(out);
    s->out_is_remote = crosses_network(out);
    s->end = STREAM_LINE;
    s->write_patience = s->write_ends = CLOCK_NEVER;
    s->received = s->sent = 0;
    s->skipping = false;
    s->in_start = s->in_end = s->out_len = 0;
}

void stream_move(struct stream *s, int in, int out)
{
    s->in = in;
    s->out = out;
    s->out_is_socket = is_socket(out);
    s->out_is_remote = false; /* to a room, which may not be asked */
    s->skipping = false;
    s->in_start = s->in_end = s->out_len = 0;
    explicit_bzero(s->input, sizeof s->input);
}

static void latch(struct stream *s, enum stream_event end)
{
    if (s->end == STREAM_LINE)
        s->end = end;
}

/* Waits until fd is ready for events. Returns STREAM_LINE then, else why not.
 * The guards count only while the descriptor has nothing for us: a reply that
 * can still leave should. */
static enum stream_event look(const struct stream *s, int fd, short events,
                              int64_t deadline)
{
    struct pollfd polled[3] = {
        {.fd = fd, .events = events},
        {.fd = s->guards[0]}, /* a hang-up needs no asking for */
        {.fd = s->guards[1]}};
    int ready;

    do
        ready = poll(polled, 3, clock_left(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return STREAM_FAILED;
    if (ready == 0)
        return STREAM_TIMEOUT;
    return polled[0].revents != 0 ? STREAM_LINE : STREAM_ABANDONED;
}

/* The same, with the reason latched. */
static bool wait_for(struct stream *s, int fd, short events, int64_t deadline)
{
    enum stream_event event = look(s, fd, events, deadline);

    if (event != STREAM_LINE)
        latch(s, event);
    return event == STREAM_LINE;
}

/* Neither call waits: a socket is asked not to, and of a pipe poll() has said
 * that at least PIPE_BUF octets are free. */
static ssize_t write_some(const struct stream *s, const char *from, size_t len)
{
    if (s->out_is_socket)
        return send(s->out, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(s->out, from, len < PIPE_BUF ? len : PIPE_BUF);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Waits until the client takes something. */
static bool wait_for_room(struct stream *s)
{
    int64_t deadline = s->write_patience == CLOCK_NEVER
                           ? CLOCK_NEVER
                           : clock_ms() + s->write_patience;

    return wait_for(s, s->out, POLLOUT, earlier(deadline, s->write_ends));
}

void stream_flush(struct stream *s)
{
    size_t done = 0;

    while (done < s->out_len && s->end == STREAM_LINE) {
        if (!s->out_is_socket && !wait_for_room(s))
            break;
        ssize_t n = write_some(s, s->output + done, s->out_len - done);
        if (n >= 0) {
            done += (size_t)n;
            s->sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for_room(s);
        } else if (errno != EINTR) {
            latch(s, STREAM_FAILED);
        }
    }
    s->out_len = 0;
}

char *stream_lend(struct stream *s, size_t *room)
{
    if (STREAM_OUTPUT - s->out_len < LEND_AT_LEAST)
        stream_flush(s);
    if (s->end != STREAM_LINE)
        return NULL;
    *room = STREAM_OUTPUT - s->out_len;
    return s->output + s->out_len;
}

void stream_filled(struct stream *s, size_t len)
{
    s->out_len += len;
}

void stream_put(struct stream *s, const char *octets, size_t len)
{
    while (len > 0) {
        size_t room;
        char *to = stream_lend(s, &room);
        if (to == NULL)
            return;
        size_t part = len < room ? len : room;
        memcpy(to, octets, part);
        stream_filled(s, part);
        octets += part;
        len -= part;
    }
}

void stream_puts(struct stream *s, const char *text)
{
    stream_put(s, text, strlen(text));
}

void stream_vprintf(struct stream *s, const char *format, va_list args)
{
    char text[PRINTF_MAX];
    int len = vsnprintf(text, sizeof text, format, args);

    if (len > 0)
        stream_put(s, text,
                   len < PRINTF_MAX ? (size_t)len : (size_t)PRINTF_MAX - 1);
}

void stream_printf(struct stream *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    stream_vprintf(s, format, args);
    va_end(args);
}

/* Reads what there is, after sending what is owed. Returns false when there
 * will be no more. */
static bool refill(struct stream *s, int64_t deadline)
{
    stream_flush(s);
    if (s->in_start == s->in_end)
        s->in_start = s->in_end = 0;
    if (s->in_end == STREAM_INPUT) {
        memmove(s->input, s->input + s->in_start, s->in_end - s->in_start);
        s->in_end -= s->in_start;
        s->in_start = 0;
    }
    while (s->end == STREAM_LINE && wait_for(s, s->in, POLLIN, deadline)) {
        ssize_t n = read(s->in, s->input + s->in_end, STREAM_INPUT - s->in_end);
        if (n > 0) {
            s->in_end += (size_t)n;
            s->received += (size_t)n;
            return true;
        }
        if (n == 0)
            latch(s, STREAM_EOF);
        else if (errno != EINTR && errno != EAGAIN)
            latch(s, STREAM_FAILED);
    }
    return false;
}

enum stream_event stream_some(struct stream *s, void *to, size_t *len,
                              int64_t deadline)
{
    while (s->end == STREAM_LINE && wait_for(s, s->in, POLLIN, deadline)) {
        ssize_t n = read(s->in, to, *len);
        if (n > 0) {
            *len = (size_t)n;
            break;
        }
        if (n == 0)
            latch(s, STREAM_EOF);
        else if (errno != EINTR && errno != EAGAIN)
            latch(s, STREAM_FAILED);
    }
    return s->end;
}

/* A client that always has something for us is late all the same. What it is
 * owed leaves if it can. */
static bool is_over(struct stream *s, int64_t deadline)
{
    if (s->end == STREAM_LINE && clock_left(deadline) == 0) {
        stream_flush(s);
        latch(s, STREAM_TIMEOUT);
    }
    return s->end != STREAM_LINE;
}

/* Takes one whole line, its LF being the last of len octets, off the input. */
static enum stream_event take(struct stream *s, size_t len, size_t max,
                              struct slice *line)
{
    const char *at = s->input + s->in_start;
    bool fits = !s->skipping && len <= max;

    s->in_start += len;
    s->skipping = false;
    if (!fits)
        return STREAM_LONG;
    len--;
    if (len > 0 && at[len - 1] == '\r')
        len--;
    *line = (struct slice){at, len};
    return STREAM_LINE;
}

void stream_forget(struct stream *s)
{
    explicit_bzero(s->input, s->in_start);
    explicit_bzero(s->input + s->in_end, STREAM_INPUT - s->in_end);
}

enum stream_event stream_line(struct stream *s, size_t max, int64_t deadline,
                              struct slice *line)
{
    for (;;) {
        if (is_over(s, deadline))
            return s->end;
        const char *at = s->input + s->in_start;
        size_t held = s->in_end - s->in_start;
        const char *lf = memchr(at, '\n', held);
        if (lf != NULL)
            return take(s, (size_t)(lf - at) + 1, max, line);
        if (held >= max || s->skipping) {
            s->skipping = true;
            s->in_start = s->in_end;
        }
        if (!refill(s, deadline))
            return s->end;
    }
}

/* Takes what is held of a line, up to its LF, as a piece. A CR that may belong
 * to the line end waits for what comes behind it. */
static void take_piece(struct stream *s, size_t len, size_t max, bool ends,
                       struct slice *piece, bool *more)
{
    const char *at = s->input + s->in_start;
    size_t end = ends ? 1 : 0; /* octets of the line end */

    if (len > 0 && at[len - 1] == '\r') {
        len--;
        end++;
    }
    *more = !ends || len > max;
    if (len > max)
        len = max;
    *piece = (struct slice){at, len};
    s->in_start += *more ? len : len + end;
}

enum stream_event stream_piece(struct stream *s, size_t max, int64_t deadline,
                               struct slice *piece, bool *more)
{
    for (;;) {
        if (is_over(s, deadline))
            return s->end;
        const char *at = s->input + s->in_start;
        size_t held = s->in_end - s->in_start;
        const char *lf = memchr(at, '\n', held);
        if (lf != NULL || held > max) {
            take_piece(s, lf != NULL ? (size_t)(lf - at) : held, max,
                       lf != NULL, piece, more);
            return STREAM_LINE;
        }
        if (!refill(s, deadline))
            return s->end;
    }
}

/* Octets that have left us and not reached the client's host. */
static int under_way(const struct stream *s)
{
    int octets = 0;

    return s->out_is_remote && ioctl(s->out, SIOCOUTQ, &octets) == 0 ? octets
                                                                     : 0;
}

static int64_t patience_for(const struct stream *s, int octets)
{
    int64_t most = octets > 0 ? s->write_patience : LINGER;

    return most == CLOCK_NEVER ? CLOCK_NEVER : clock_ms() + most;
}

/* Waits until the client speaks, and drops what it says. Returns false when it
 * has closed, or nobody is left to wait. */
static bool drop_words(struct stream *s, int64_t deadline)
{
    enum stream_event event = look(s, s->in, POLLIN, deadline);

    if (event == STREAM_LINE)
        return read(s->in, s->input, sizeof s->input) > 0;
    return event == STREAM_TIMEOUT;
}

void stream_part(struct stream *s)
{
    if (!s->out_is_socket || s->end != STREAM_LINE)
        return;
    shutdown(s->out, SHUT_WR);
    int octets = under_way(s);
    int64_t least = clock_ms() + LINGER;
    int64_t last = s->write_ends > least ? s->write_ends : least;
    int64_t deadline = earlier(patience_for(s, octets), last);
    while (clock_left(deadline) != 0) {
        int64_t again = octets > 0 ? clock_ms() + GLANCE : deadline;
        if (!drop_words(s, again < deadline ? again : deadline))
            return;
        int now = under_way(s);
        if (now != octets)
            deadline = earlier(patience_for(s, now), last);
        octets = now;
    }
}
