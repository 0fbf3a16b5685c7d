#ifndef ROOMS_MAILDROP_H
#define ROOMS_MAILDROP_H

/*
 * Front's side of the keeper: the maildrop as a session sees it. Messages are
 * numbered from 0 here. Numbers, sizes, marks and UIDLs are at hand; only
 * opening, listing, identifying, confirming and committing cross to the keeper.
 * The octets of messages cross no other process: they go from a read-only
 * description of the mailbox, or of the message's file, straight to the
 * client's stream.
 */

#include "net/stream.h"
#include "net/wire.h"
#include "rooms/contract.h"
#include "spool/marks.h"
#include "spool/table.h"

/* Files of messages, fetched ahead: a client that takes one message after the
 * other costs ever fewer questions. */
struct batch {
    uint64_t first; /* the message of fds[0] */
    unsigned count; /* of fds */
    unsigned want;  /* how many the last question asked for */
    int fds[FRAME_FDS];
};

/* Octets of the single file, read ahead: a client that takes one message after
 * the other costs few reads. */
struct ahead {
    uint64_t at;          /* offset of octets[0] */
    uint64_t next;        /* offset behind the message that was sent last */
    size_t held;          /* of octets */
    struct snapshot seen; /* the file, before they were read */
    char octets[256 * 1024];
};

struct maildrop {
    int keeper; /* socket; the caller's */
    bool tree;  /* each message is a file */
    int mail;   /* read-only description of the single file; -1: none */
    struct snapshot seen; /* of it, at the scan */
    struct snapshot sure; /* of what message is about to be sent from */
    bool shared; /* what fstat() says of it may be old: keeper is asked */
    struct batch batch; /* of a tree */
    bool writable;
    uint64_t count, octets; /* messages, and octets on the wire */
    uint64_t unverified;    /* the first so many must be confirmed */
    struct table table;     /* of count messages, once it has been listed */
    struct marks marks;
    uint64_t octets_left; /* wire octets of unmarked messages */
    const char *uidls;    /* slots of stride octets; NULL: not asked yet */
    uint32_t stride;
    struct ahead ahead;
};

/* No maildrop is open yet. */
void maildrop_start(struct maildrop *m, int keeper);

/*
 * Opens the maildrop ("") or a folder; what was open is released, its marks
 * dropped. Returns STATUS_OK, or why there is none; STATUS_TROUBLE also when
 * the keeper is gone.
 */
enum status maildrop_open(struct maildrop *m, const char *folder);

/* Has the table at hand; asks the keeper the first time. Everything below that
 * is about one message needs it. */
enum status maildrop_list(struct maildrop *m);

/* Marks i, which must not be marked; unmarks all. */
void maildrop_mark(struct maildrop *m, uint64_t i);
void maildrop_unmark_all(struct maildrop *m);

/* The UIDL of message i, NUL-terminated in uidl of 257 octets. Asks the keeper
 * the first time. */
enum status maildrop_uidl(struct maildrop *m, uint64_t i, char *uidl);

/* Is message i still what was scanned? Asks the keeper only when the mailbox
 * has been written to, or for the files of a tree. Before maildrop_send(). */
enum status maildrop_confirm(struct maildrop *m, uint64_t i);

/*
 * Sends message i, encoded as w was started for. Returns STATUS_OK when
 * everything went to the stream and is what was promised; otherwise the reply
 * must not be completed. The stream's own latch is not looked at.
 */
enum status maildrop_send(struct maildrop *m, uint64_t i, struct wire *w,
                          struct stream *s);

/* Removes the marked messages and releases the maildrop. */
enum status maildrop_commit(struct maildrop *m);

#endif
