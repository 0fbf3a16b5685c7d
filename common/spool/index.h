#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

/*
 * The index of an mbox: what a scan found, kept in the state directory, so that
 * a mailbox nobody wrote to need not be read, and of one that has grown only
 * what was added.
 *
 * It is believed as far as this: equal times and size mean that nothing has
 * changed, unless the mailbox was written so shortly before the scan that a
 * later write may bear the same time (then the index is not settled). A larger
 * mailbox with the same octets at its start and before the old end has grown.
 * That is no proof: somebody may have changed the middle, too. Therefore the
 * messages that were not read again are unverified: they are confirmed by their
 * checksums before they are served, as all are before they are deleted, and the
 * first one that differs costs the index its life.
 *
 * A missing, torn or forged index costs a scan, never mail.
 */

#include "spool/snapshot.h"
#include "spool/table.h"
#include "spool/twins.h"

#include <stdbool.h>
#include <stdint.h>

/* A message in the index. */
struct index_record {
    struct message message;
    uint64_t id; /* see struct identity; known before header.identified */
    uint32_t twin, next;
};

/* What messages amount to. */
struct index_sum {
    uint64_t count;
    uint64_t octets;  /* on the wire */
    uint64_t records; /* checksum of their records */
};

/* What is still known when the mailbox has grown. Its last message may have
 * grown, too: it is read again. */
struct index_base {
    uint64_t size;         /* of the mailbox then */
    uint64_t head, tail;   /* checksums of its first and last octets */
    uint64_t resume;       /* where its last message began */
    struct index_sum kept; /* the messages before that one */
};

struct index_header {
    char magic[8];
    struct snapshot seen; /* the mailbox at the scan */
    uint32_t settled;     /* equal times mean equal contents */
    uint32_t grows;       /* there is a base */
    uint64_t identified;  /* messages whose identity is known */
    uint64_t unverified;  /* messages not read since others wrote */
    struct index_base base;
    struct index_sum whole;
    uint64_t check; /* of the header; last */
};

struct index {
    int fd; /* -1: none is open */
    struct index_header header;
};

/* How a mailbox stands to its index. */
enum index_fit {
    INDEX_USELESS,
    INDEX_EXACT, /* it is what a scan would find */
    INDEX_GROWN  /* its base is; behind it a scan is needed */
};

/* Opens the index of that name in the state directory, for reading and writing,
 * and reads its header. Returns 0, or -1 with errno: EINVAL when it is not an
 * index. */
int index_open(struct index *x, int directory, const char *name);
void index_close(struct index *x);

/* Compares the mailbox mail, which is now like that, with the index. */
enum index_fit index_fits(const struct index *x, int mail,
                          const struct snapshot *now);

/* Writes all messages to the table. Returns 0, or -1 with errno: EINVAL when
 * the records are not those the header was written for. */
int index_list(const struct index *x, struct table_writer *table);

/* Fills in what is known of the identities of the first header.identified
 * messages. Returns 0, or -1 with errno. */
int index_identities(const struct index *x, struct identity *all);

/* Notes the identities of all messages. Returns 0, or -1 with errno. */
int index_identify(struct index *x, const struct identity *all);

/* The first kept messages (at least one) stay as they are, what is behind them
 * will change: the index is now about them alone. mail is the mailbox. Returns
 * 0, or -1 with errno: the index should be removed. */
int index_cut(struct index *x, int mail, uint64_t kept);

/* The change is done, and the mailbox is like that. */
int index_left(struct index *x, const struct snapshot *now);

/* ---- writing ---- */

/* An index being written: a new one beside the old, or the old one's end. */
struct index_writer {
    int directory;    /* the caller's */
    const char *name; /* the caller's */
    int fd;           /* -1: nothing is written, or something failed */
    bool fresh;       /* it is a new file */
    struct index_header header;
    struct index_record last; /* written or waiting */
    uint32_t held;            /* records waiting */
    struct index_record records[128];
};

/* Starts a new index. Where that fails, or later something does, nothing is
 * written; index_write_end() tells. */
void index_write_start(struct index_writer *w, int directory, const char *name);

/* Goes on at x's base.resume. Takes x's descriptor. */
void index_write_on(struct index_writer *w, struct index *x, int directory,
                    const char *name);

/* The next message. */
void index_write(struct index_writer *w, const struct message *m);

/* All of the mailbox mail, seen like that, has been read. w->header is complete
 * then, whatever is returned: 0, or -1 with errno when there is no index. */
int index_write_end(struct index_writer *w, int mail,
                    const struct snapshot *seen, bool settled);

/* Gives up; an index that was to be replaced stays. */
void index_write_drop(struct index_writer *w);

#endif
