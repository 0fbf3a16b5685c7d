#ifndef NET_STREAM_H
#define NET_STREAM_H

/*
 * The one owner of the client's descriptors: lines in, octets out. Replies
 * gather in the output buffer and leave when it is full or when the input has
 * run dry, so that a pipelined batch costs one write and a reply never leaves
 * in two.
 *
 * Nobody checks writes: the first error is latched, everything after it does
 * nothing, and stream_line() reports it.
 */

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STREAM_INPUT = 16 * 1024,  /* octets read ahead; bounds every line */
    STREAM_OUTPUT = 256 * 1024 /* octets gathered before they are written */
};

enum stream_event {
    STREAM_LINE,     /* a line, without its CRLF or LF */
    STREAM_LONG,     /* a line over the limit; all of it was thrown away */
    STREAM_EOF,      /* the client will send no more */
    STREAM_TIMEOUT,  /* the deadline passed */
    STREAM_FAILED,   /* a read or write failed */
    STREAM_ABANDONED /* a room on a guard descriptor is gone */
};

struct stream {
    int in, out;             /* borrowed */
    int guards[2];           /* borrowed; a hang-up ends the stream; -1: none */
    bool out_is_socket;      /* send without waiting; else pieces of PIPE_BUF */
    bool out_is_remote;      /* octets can be on their way for long */
    enum stream_event end;   /* the latch; STREAM_LINE = none yet */
    int64_t write_patience;  /* milliseconds without progress, or CLOCK_NEVER */
    int64_t write_ends;      /* deadline, progress or not */
    uint64_t received, sent; /* octets */
    bool skipping;           /* inside a line that was too long */
    size_t in_start, in_end, out_len;
    char input[STREAM_INPUT];
    char output[STREAM_OUTPUT];
};

/* Starts a stream on in and out (may be one descriptor), without guards. in and
 * out stay the caller's to close. */
void stream_start(struct stream *s, int in, int out);

/* Goes on over other descriptors: what has been read and not been taken is
 * thrown away, counts and guards stay. Flush before. */
void stream_move(struct stream *s, int in, int out);

/*
 * Waits for the next line of at most max octets, its line end counted, until
 * the deadline (a clock_ms() value), behind which none is taken although there
 * may be one. Flushes before it waits. *line points into the stream and lives
 * until the next call.
 */
enum stream_event stream_line(struct stream *s, size_t max, int64_t deadline,
                              struct slice *line);

/*
 * The same for a line of any length, in pieces of at most max octets (2 or
 * more) without its line end; *more says that the line goes on. Never returns
 * STREAM_LONG.
 */
enum stream_event stream_piece(struct stream *s, size_t max, int64_t deadline,
                               struct slice *piece, bool *more);

/*
 * Reads what there is, at least one and at most *len octets, and none beyond:
 * only before the first line. They do not count as received. Returns
 * STREAM_LINE with *len, or why there are none.
 */
enum stream_event stream_some(struct stream *s, void *to, size_t *len,
                              int64_t deadline);

/* Appends octets, a text, a formatted text (at most 512 octets of it). */
void stream_put(struct stream *s, const char *octets, size_t len);
void stream_puts(struct stream *s, const char *text);
void stream_printf(struct stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void stream_vprintf(struct stream *s, const char *format,
                    __builtin_va_list args)
    __attribute__((format(printf, 2, 0)));

/* Lends at least 4 KiB of the output buffer to an encoder: *room is how many
 * octets may be written there; stream_filled() says how many were. NULL after
 * an error. */
char *stream_lend(struct stream *s, size_t *room);
void stream_filled(struct stream *s, size_t len);

/* Wipes all input that has been taken: a line of it held a secret. */
void stream_forget(struct stream *s);

/* Writes out everything gathered. */
void stream_flush(struct stream *s);

/*
 * Takes leave of a client that hears us: nothing more is sent, and what it
 * still says is dropped until it has closed, too. Octets that met a closed
 * socket would be answered with a reset, which throws away what is under way to
 * the client: perhaps a message that is removed already. Waits as long as
 * octets are under way and move, and two seconds more; behind write_ends two
 * seconds altogether. Does nothing behind an end that stream_line() has told.
 */
void stream_part(struct stream *s);

#endif
