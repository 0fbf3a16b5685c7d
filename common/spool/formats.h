#ifndef SPOOL_FORMATS_H
#define SPOOL_FORMATS_H

/* The one table of mailbox formats: a format is its file and a row here. */

#include "base/slice.h"
#include "spool/mailbox.h"

/* The format of that name, or NULL. */
const struct mailbox_format *format_find(struct slice name);

#endif
