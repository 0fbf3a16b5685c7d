#ifndef NET_WIRE_H
#define NET_WIRE_H

/*
 * From the stored form of a message to the form on the wire, the one place
 * that knows the rule (RFC 1939 sections 3 and 11, RFC 937 "length"):
 *
 *   - a LF that no CR precedes becomes CRLF; a CR that no LF follows stays;
 *   - a message whose last octet is not LF gets a CRLF;
 *   - with dot-stuffing, a line that begins with "." gets one more ".".
 *
 * The wire size is counted without stuffing.
 */

#include "base/vector.h"

#define WIRE_ALL_LINES UINT64_MAX

struct wire {
    struct expansion expansion;
    bool in_body;    /* the empty line after the header has been sent */
    bool done;       /* the line limit is reached; take nothing more */
    bool blank;      /* nothing but a CR so far in this line */
    uint64_t lines;  /* body lines still wanted, or WIRE_ALL_LINES */
    uint64_t octets; /* wire size so far */
};

/* Starts a message. lines bounds the body lines (TOP, RFC 1939 section 7). */
void wire_start(struct wire *w, bool stuff, uint64_t lines);

/*
 * Encodes from *from up to end into to, at most room octets (room >= 4).
 * Moves *from past what was taken and returns the octets written. Call again
 * until *from == end or w->done.
 */
size_t wire_encode(struct wire *w, const char **from, const char *end, char *to,
                   size_t room);

/* Writes the line end that a message without final LF still lacks: 0 or 2
 * octets into to. */
size_t wire_finish(struct wire *w, char *to);

#endif
