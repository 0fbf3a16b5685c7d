#ifndef SPOOL_MAILBOX_H
#define SPOOL_MAILBOX_H

/*
 * A mailbox as the keeper sees it, whatever its format. A format is one file
 * with these functions and one row in formats.c. All of them return 0, or -1
 * with errno:
 *
 *   ENOENT       there is no mailbox (as good as an empty one)
 *   EWOULDBLOCK  others hold its locks
 *   EPERM        not a mailbox we serve: a link, a FIFO, another's
 *   ESTALE       it is no longer what was scanned, or (ENODATA) it was cut;
 *                nothing was changed
 *   EROFS        it cannot be written
 */

#include "spool/lock.h"
#include "spool/marks.h"
#include "spool/snapshot.h"
#include "spool/table.h"

#include <sys/types.h>

struct mailbox;
struct uidl_style;

struct mailbox_format {
    const char *name; /* what a template begins with, before the colon */

    /* Is the mailbox a directory in which each message is a file? Otherwise it
     * is a single file that holds them all. */
    bool tree;

    /* Opens it for reading, and for writing where that is permitted. */
    int (*open)(struct mailbox *);

    /* Finishes an update that a crash has left; before the scan. Where there is
     * none it costs one look at the state directory. */
    int (*recover)(struct mailbox *);

    /* Counts the messages and their wire octets without reading them all, by
     * what an earlier session left behind. Returns 1; 0 when a scan is needed
     * to know; -1 with errno. NULL: a scan always is. */
    int (*recall)(struct mailbox *, uint64_t *count, uint64_t *octets);

    /* Finds all messages, in order; takes and releases the mailbox locks.
     * Behind recall() these are the ones it counted: ESTALE when what was left
     * behind turns out to be wrong. */
    int (*scan)(struct mailbox *, struct table_writer *, uint64_t *count);

    /* Writes one NUL-padded UIDL of stride octets a message. */
    int (*identify)(struct mailbox *, const struct table *,
                    struct table_writer *, uint32_t *stride);

    /* Is this message still where and what it was at the scan? Not of a
     * tree. */
    int (*confirm)(struct mailbox *, const struct message *);

    /* Returns a new read-only description of the single file; it shares no
     * lock with the mailbox. The caller closes it. Not of a tree. */
    int (*reader)(struct mailbox *);

    /* Returns a read-only description of message i's file, which holds its text
     * and nothing else: ESTALE when it is gone or has changed. The caller
     * closes it. Of a tree only. */
    int (*fetch)(struct mailbox *, const struct table *, uint64_t i);

    /* Ends a session as its client wished, with or without marked messages.
     * Removes those: all of them durably, or ESTALE/EROFS and none, or another
     * errno and perhaps some (ECANCELED: the worker was killed and the update
     * finished as far as it had come). Takes and releases the mailbox locks. */
    int (*update)(struct mailbox *, const struct table *, const struct marks *);

    /* Frees what it keeps besides fd. NULL: nothing. */
    void (*close)(struct mailbox *);
};

struct mailbox {
    const struct mailbox_format *format;
    int directory;       /* O_PATH; owned by the caller */
    const char *name;    /* in the directory; owned by the caller */
    uid_t owner;         /* who must own it */
    bool shared;         /* other hosts may write to it */
    int clock;           /* a file of ours in state, to tell the time; -1: none */
    int state;           /* the user's state directory, O_PATH; -1: none */
    const char *record;  /* name of the progress record in it */
    uint64_t size_limit; /* no file can be written beyond it (RLIMIT_FSIZE) */
    const char *twins;   /* name of the file of twins in it */
    const char *sizes;   /* name of the file of sizes in it */
    const char *index;   /* name of the index in it */
    uint64_t index_from; /* octets of the smallest mailbox that gets one */
    bool read_only;      /* nothing in it may be changed */
    const struct uidl_style *uidl; /* NULL: the format's own UIDLs */
    bool recovered;                /* recover() finished an update */
    bool aside;    /* ... or put a record aside that fitted no more */
    bool left_out; /* the scan found what is no message to serve */
    struct dotlocker *dotlocker;
    void *own; /* the format's; NULL at first */
    int fd;    /* -1 while it is not open */
    bool writable;
    struct snapshot seen; /* at the scan */
    bool settled;         /* seen is older than the clock's grain */
    bool recalled;        /* recall() knew */
    uint64_t unverified;  /* the first so many messages were not read again
                           * since others wrote: confirm() tells */
};

/* Closes it; safe when it is not open. Releases every lock it held. */
void mailbox_close(struct mailbox *);

#endif
