#ifndef SPOOL_JOURNAL_H
#define SPOOL_JOURNAL_H

/*
 * The progress record of an update: what an update that moves octets inside a
 * mailbox is about to do next, on disk before it does it. A record that is
 * pending is mail: nobody but a finished recovery removes it.
 *
 * The file has two slots, written in turn, each with a sequence number and a
 * checksum over its header, which holds that of the payload. A slot torn by a
 * crash is void, and then the one before it holds, whose move can be repeated
 * without harm. The size of the file does not grow with the mailbox.
 */

#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_SLOT = 4096,               /* octets of a slot's header */
    JOURNAL_PAYLOAD = 8 * 1024 * 1024, /* most octets that travel in it */
};

enum journal_kind {
    JOURNAL_MOVE = 1, /* octets are about to be moved */
    JOURNAL_DONE = 2  /* nothing is pending */
};

/* Offsets and lengths are octets of the mailbox. */
struct progress {
    char magic[8];
    uint32_t kind;
    uint32_t carries; /* the octets themselves are in the slot's payload */
    uint64_t sequence;
    uint64_t inode; /* of the mailbox; its device may be another after a boot */
    uint64_t source;   /* where the octets are, unless carried */
    uint64_t target;   /* where they go */
    uint64_t length;   /* how many */
    uint64_t content;  /* their checksum, carried or not */
    uint64_t next;     /* what follows: [next, end) is still to move */
    uint64_t end;      /* size of the mailbox */
    uint64_t lead;     /* checksum of what stands before target */
    uint64_t mark_at;  /* a place this move and all later ones leave ... */
    uint64_t mark_len; /* ... alone: its length and checksum tell whether */
    uint64_t mark;     /* the mailbox has been cut already */
    uint64_t check;    /* of all this; last */
};

struct journal {
    int directory;    /* state directory; the caller's */
    const char *name; /* in it; the caller's */
    int fd;
    uint64_t sequence; /* of the newest slot */
    unsigned slot;     /* the one to write next */
    uint64_t reserved; /* payload octets each slot has room for */
};

/* Opens the record, making it with room for two slots, so that a disk that is
 * full later can still hold a move. Returns 0, or -1 with errno. */
int journal_open(struct journal *j, int directory, const char *name);
void journal_close(struct journal *j);

/* Reads the newest whole slot. Returns 1 with *p when a move is pending, 0
 * when nothing is, -1 with errno. */
int journal_load(struct journal *j, struct progress *p);

/* The same question without making or changing anything: is a move pending in
 * the record of that name? Returns 1, 0, or -1 with errno. */
int journal_pending(int directory, const char *name);

/* Reads the payload of the slot that journal_load() returned. */
int journal_payload(const struct journal *j, char *to, size_t len,
                    uint64_t offset);

/* Makes room on the disk for payloads of up to octets. Returns 0, or -1 with
 * errno (ENOSPC): then moves must not carry. */
int journal_reserve(struct journal *j, uint64_t octets);

/* Writes p with its payload (NULL: none), whose checksum is p->content, and
 * syncs: it is on disk when this returns 0. -1 with errno: the slot before it
 * still holds. */
int journal_write(struct journal *j, struct progress *p, const char *payload);

/* Nothing is pending any more; gives the payloads' room back. */
int journal_done(struct journal *j);

/* The record fits nothing that is there: keeps it under another name for the
 * administrator. */
int journal_set_aside(struct journal *j);

#endif
