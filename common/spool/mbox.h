#ifndef SPOOL_MBOX_H
#define SPOOL_MBOX_H

/* What the files of the mbox format share among themselves. */

#include "spool/mailbox.h"

enum {
    MBOX_BLOCK = 256 * 1024,   /* octets read at once */
    MBOX_PATIENCE = 30 * 1000, /* milliseconds for the mailbox locks */
};

extern const struct mailbox_format mbox_format;

/*
 * What the mailbox is, now that its lock is held. Where other hosts write to
 * it, it is opened anew for that, which makes what is cached of it here count no
 * more (close-to-open), and the server is asked for size and times. Returns 0,
 * or -1 with errno: ESTALE when its name belongs to another file now.
 */
int mbox_look(const struct mailbox *mb, struct stat *st);

struct identity;

/* The identities of all messages, copies numbered; the caller holds a lock and
 * frees them. NULL with errno: ESTALE when the mailbox is not as scanned. */
struct identity *mbox_identities(const struct mailbox *mb,
                                 const struct table *table);

/*
 * Are these messages, checksums and seams, still there: those of the table from
 * message first on that are marked, or all of them (NULL)? size is the
 * mailbox's, in octets. The caller holds a lock. Returns 0, or -1 with errno:
 * ESTALE, or ENODATA when it was cut.
 */
int mbox_verify(const struct mailbox *mb, uint64_t size,
                const struct table *table, uint64_t first,
                const struct marks *marks);

/* The index is wrong: the next session must not believe it. */
void mbox_forget(const struct mailbox *mb);

/* mailbox_format's functions that have files of their own. */
int mbox_recall(struct mailbox *, uint64_t *count, uint64_t *octets);
int mbox_scan(struct mailbox *, struct table_writer *, uint64_t *count);
int mbox_recover(struct mailbox *);
int mbox_remove(struct mailbox *, const struct table *, const struct marks *);
int mbox_identify(struct mailbox *, const struct table *, struct table_writer *,
                  uint32_t *stride);

#endif
