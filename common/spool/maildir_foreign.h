#ifndef SPOOL_MAILDIR_FOREIGN_H
#define SPOOL_MAILDIR_FOREIGN_H

/* The lists of UIDs that other servers keep in a Maildir: dovecot-uidlist and
 * courierpop3dsizelist. */

#include "spool/maildir.h"
#include "spool/uidl.h"

struct foreign_uidl {
    uint64_t key; /* maildir_key() of the base */
    char uidl[UIDL_SLOT];
};

struct foreign_list {
    struct foreign_uidl *all; /* sorted by key */
    size_t count, room;
};

/* Reads the list of that style in the Maildir; where there is none, it is
 * empty. Returns 0, or -1 with errno. The caller frees it. */
int foreign_list_load(struct foreign_list *l, int maildir,
                      const struct uidl_style *style);
void foreign_list_free(struct foreign_list *l);

/* The same of the text of such a file. */
int foreign_list_parse(struct foreign_list *l, const char *text, size_t len,
                       const struct uidl_style *style);

/* The UIDL of the message with that base, or NULL. */
const char *foreign_list_find(const struct foreign_list *l, const char *base,
                              size_t len);

#endif
