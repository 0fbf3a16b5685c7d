#ifndef SPOOL_MBOX_FOREIGN_H
#define SPOOL_MBOX_FOREIGN_H

/* What other servers have written into the headers of an mbox. */

#include "base/slice.h"
#include "spool/table.h"
#include "spool/uidl.h"

/* The fields of one header. */
struct foreign {
    uint32_t validity, last; /* X-IMAPbase or X-IMAP; 0: none */
    uint32_t uid;            /* X-UID; 0: none */
    char uidl[UIDL_SLOT];    /* X-UIDL; "": none */
};

/* Takes a line of a header; true: go on. context is a struct foreign. */
bool foreign_take(void *context, struct slice line);

/*
 * Fills the slots of the messages in the table that have a UIDL of this style;
 * the others are left as they are. The caller holds a lock. Returns 0, or -1
 * with errno.
 */
int mbox_foreign(int fd, const struct table *table,
                 const struct uidl_style *style, char (*slots)[UIDL_SLOT]);

#endif
