#ifndef SPOOL_UIDL_H
#define SPOOL_UIDL_H

/*
 * UIDLs that another server has given: who moves here keeps them, so that no
 * client downloads anything again. A message of which that server knew nothing
 * has the UIDL it would have without a style.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UIDL_MOST = 70,           /* octets of a UIDL (RFC 1939) */
    UIDL_SLOT = UIDL_MOST + 2 /* of the place for one, NUL-padded */
};

enum uidl_source {
    UIDL_OWN,     /* the format's */
    UIDL_NUMBERS, /* made of the IMAP UID and the mailbox's validity */
    UIDL_FIELD,   /* what stands in X-UIDL */
    UIDL_COURIER  /* courier-pop's list */
};

struct uidl_style {
    enum uidl_source source;
    const char *pattern; /* of UIDL_NUMBERS: %u the UID, %v the validity */
};

/* The style of that name: popa3d, dovecot, uw, x-uidl, courier, or a pattern as
 * in Dovecot's pop3_uidl_format. The text stays the caller's. Returns 0, or -1
 * with errno EINVAL. */
int uidl_style_parse(const char *text, struct uidl_style *style);

/* Has a mailbox, in which each message is a file (a tree) or not, UIDLs of this
 * style at all? */
bool uidl_style_fits(const struct uidl_style *style, bool tree);

/* Fills in the pattern. Returns 0, or -1: it does not fit. */
int uidl_fill(const struct uidl_style *style, uint32_t uid, uint32_t validity,
              char slot[UIDL_SLOT]);

/* Takes the octets for a UIDL if they can be one: 1 to 70 of 0x21 to 0x7e.
 * Returns 0, or -1 with the slot untouched. */
int uidl_take(const char *octets, size_t len, char slot[UIDL_SLOT]);

/* Of slots with equal UIDLs all but the first are emptied. Returns 0, or -1
 * with errno ENOMEM. */
int uidl_drop_doubles(char (*slots)[UIDL_SLOT], uint64_t count);

#endif
