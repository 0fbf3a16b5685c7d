#ifndef SPOOL_MOVER_H
#define SPOOL_MOVER_H

/*
 * The one loop that moves kept octets down over the holes of a mailbox, and is
 * its own recovery. Before each move the journal says what it will be; the
 * move's source is either out of its own way or carried in the record, so that
 * it can be repeated. At the end the file is cut.
 *
 * After a crash the newest record is repeated, and what was still to be moved
 * then is moved as it stands: messages that were to be deleted but not reached
 * stay. The caller holds the mailbox locks.
 */

#include "spool/journal.h"
#include "spool/lock.h"

#include <stdbool.h>

struct mover {
    int fd;                      /* the mailbox, open for writing */
    struct dotlocker *dotlocker; /* its, to be refreshed; NULL: none */
    struct journal *journal;     /* NULL: the file may be cut, nothing moved */
    uint64_t inode;              /* of the mailbox */
    uint64_t target;             /* everything before it is final */
    uint64_t end;                /* size of the mailbox as last seen */

    /* The run of kept octets at hand, and how to get the next one: false when
     * there is none. */
    uint64_t from, to;
    bool (*next_run)(struct mover *);
    void *context; /* next_run's */
    char *block;   /* JOURNAL_PAYLOAD octets */
};

/* Moves all runs, then what was appended meanwhile, and cuts the file. from =
 * to = 0 at the start. Returns 0 when it is durable; -1 with errno: the record
 * says what is pending (ESTALE: a move is needed and there is no journal). */
int mover_run(struct mover *m);

/* What mover_recover() found. */
enum recovery {
    RECOVERY_NONE,     /* nothing was pending */
    RECOVERY_FINISHED, /* the update is finished */
    RECOVERY_ASIDE     /* the record fits no more; nothing was changed */
};

/* Finishes a pending update of the mailbox fd. Returns an enum recovery, or -1
 * with errno: it is still pending. */
int mover_recover(int fd, struct journal *journal, struct dotlocker *dotlocker);

#endif
