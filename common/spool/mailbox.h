#ifndef SPOOL_MAILBOX_H
#define SPOOL_MAILBOX_H

/*
 * A mailbox as the keeper sees it, whatever its format. A format is one file
 * with these functions. All of them return 0, or -1 with errno:
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

struct mailbox_format {
    /* Opens it for reading, and for writing where that is permitted. */
    int (*open)(struct mailbox *);

    /* Finishes an update that a crash has left; before the scan. Where there is
     * none it costs one look at the state directory. */
    int (*recover)(struct mailbox *);

    /* Finds all messages, in order; takes and releases the mailbox locks. */
    int (*scan)(struct mailbox *, struct table_writer *, uint64_t *count);

    /* Writes one NUL-padded UIDL of stride octets a message. */
    int (*identify)(struct mailbox *, const struct table *,
                    struct table_writer *, uint32_t *stride);

    /* Is this message still where and what it was at the scan? */
    int (*confirm)(struct mailbox *, const struct message *);

    /* Returns a new read-only description of what holds the messages' text;
     * it shares no lock with the mailbox. The caller closes it. */
    int (*reader)(struct mailbox *);

    /* Removes the marked messages: all of them durably, or ESTALE/EROFS and
     * none, or another errno and perhaps some (ECANCELED: the worker was killed
     * and the update finished as far as it had come). Takes and releases the
     * mailbox locks. */
    int (*remove)(struct mailbox *, const struct table *, const struct marks *);
};

struct mailbox {
    const struct mailbox_format *format;
    int directory;       /* O_PATH; owned by the caller */
    const char *name;    /* in the directory; owned by the caller */
    uid_t owner;         /* who must own it */
    int state;           /* the user's state directory, O_PATH; -1: none */
    const char *record;  /* name of the progress record in it */
    uint64_t size_limit; /* no file can be written beyond it (RLIMIT_FSIZE) */
    const char *twins;   /* name of the file of twins in it */
    bool recovered;      /* recover() finished an update */
    bool aside;          /* ... or put a record aside that fitted no more */
    struct dotlocker *dotlocker;
    int fd; /* -1 while it is not open */
    bool writable;
    struct snapshot seen; /* at the scan */
    bool settled;         /* seen is older than the clock's grain */
};

extern const struct mailbox_format mbox_format;

/* Closes it; safe when it is not open. Releases every lock it held. */
void mailbox_close(struct mailbox *);

#endif
