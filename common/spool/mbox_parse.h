#ifndef SPOOL_MBOX_PARSE_H
#define SPOOL_MBOX_PARSE_H

/*
 * The classifier of an mbox: fed the file block by block, it says where each
 * message begins and ends, what it measures on the wire and what it sums to.
 * It opens nothing and allocates nothing.
 *
 * A message begins at a From_ line: "From " at the start of the file or behind
 * an empty line, with a date in it. The one empty line before the next From_
 * line, or at the end of the file, separates and belongs to no message, unless
 * it is the one that ends the header. Octets before the first From_ line belong
 * to no message either.
 */

#include "base/checksum.h"
#include "base/vector.h"
#include "spool/table.h"

#include <stdbool.h>
#include <stddef.h>

struct mbox_parser {
    /* Takes each finished message; a return other than 0 ends the parsing. */
    int (*emit)(void *context, const struct message *m);
    void *context;

    uint64_t offset; /* of the next octet to come; a parse that begins at a
                      * From_ line sets it */
    bool in_message;
    struct message current;
    struct lines lines; /* behind its From_ line, or from the file's start */
    bool summing;       /* check has taken some of current */
    struct checksum check;
};

void mbox_parse_start(struct mbox_parser *p,
                      int (*emit)(void *, const struct message *),
                      void *context);

/*
 * Takes the next len octets. Each call but the last should end with a LF; a
 * line that is cut is never taken for a From_ line, so cut none shorter than
 * MBOX_FROM_MAX. Returns 0, or what emit returned.
 */
int mbox_parse(struct mbox_parser *p, const char *octets, size_t len);

/* The file has ended: emits the last message. Returns as mbox_parse(). */
int mbox_parse_end(struct mbox_parser *p);

enum {
    MBOX_FROM_MAX = 1024
}; /* octets of a From_ line */

/* Is this line (without regard to what stands before it) a From_ line? */
bool mbox_is_from(const char *line, size_t len);

#endif
