#ifndef BASE_VECTOR_H
#define BASE_VECTOR_H

/*
 * The two loops through which every octet of mail goes: counting lines when a
 * mailbox is scanned, and expanding them when a message is sent. Each stands
 * twice, once plainly and once for AVX2; which one runs is what the processor
 * can. The plain ones say what is computed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is known of the lines of a stretch of text. The history has one bit an
 * octet for the last 64 octets, the highest for the last one: was it a LF, was
 * it a CR, was it the LF of an empty line? Empty is a LF, or CR and LF, at the
 * start of a line.
 */
struct lines {
    uint64_t lf, cr, empty; /* history */
    uint64_t bare;          /* LFs so far that no CR precedes */
    uint64_t blank;         /* empty lines so far */
};

#define LINES_LAST (1ULL << 63)

/* Takes octets up to the first 'F' behind an empty line, where a From_ line may
 * stand, and returns its address; or takes all and returns end. */
const char *lines_take(struct lines *l, const char *at, const char *end);
const char *lines_take_plainly(struct lines *l, const char *at,
                               const char *end);

/* Takes one octet that is neither CR nor LF, whatever stands before it. */
static inline void lines_take_letter(struct lines *l)
{
    l->lf >>= 1;
    l->cr >>= 1;
    l->empty >>= 1;
}

/* From stored to wire form. */
struct expansion {
    bool stuff;    /* double a "." at the start of a line */
    char previous; /* the octet before the next one; LF at the start */
    uint64_t dots; /* put in so far */
};

enum {
    EXPAND_ROOM = 2 /* octets of room that guarantee progress */
};

/*
 * Copies from *from up to end to to: a LF that no CR precedes becomes CR LF,
 * dots are doubled. Moves *from past what was taken and returns the octets
 * written, at most room. Octets of to behind those may be overwritten, never
 * beyond room.
 */
size_t lines_expand(struct expansion *e, const char **from, const char *end,
                    char *to, size_t room);
size_t lines_expand_plainly(struct expansion *e, const char **from,
                            const char *end, char *to, size_t room);

#endif
