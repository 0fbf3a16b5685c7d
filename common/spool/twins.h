#ifndef SPOOL_TWINS_H
#define SPOOL_TWINS_H

/*
 * Which identical copy is which. Copies of one message differ only by the
 * ordinal behind their UIDL ("-2", "-3"). A file in the state directory keeps
 * the ordinals of the copies that are there, and the next free one, so that
 * deleting the first copy does not rename the second, and no ordinal is given
 * twice while a copy is left. Losing the file costs at most that.
 */

#include "spool/marks.h"

#include <stdint.h>

struct identity {
    uint64_t id;    /* of the message's fixed header lines */
    uint32_t index; /* in the table */
    uint32_t twin;  /* ordinal among its copies, from 0 */
    uint32_t next;  /* the ordinal of the next copy to come; 0: it has none */
};

/*
 * Gives every identity its twin and next, by what the file remembers. all is
 * in the order of the table before and after. directory is the state
 * directory, -1: nothing is remembered.
 */
void twins_number(struct identity *all, uint64_t count, int directory,
                  const char *name);

/* Remembers the copies that are not doomed (NULL: none is). Failing is no
 * error: the mailbox is as it should be. */
void twins_remember(const struct identity *all, uint64_t count,
                    const struct marks *doomed, int directory,
                    const char *name);

/* Is anything remembered? */
bool twins_exist(int directory, const char *name);

#endif
