/* Which formats there are. The names are looked up in the monitor, the
 * functions behind them called in the keeper alone. */

#include "spool/formats.h"
#include "spool/maildir.h"
#include "spool/mbox.h"

#include <stddef.h>
#include <unistd.h>

static const struct mailbox_format *const formats[] = {
    &mbox_format,
    &maildir_format,
};

const struct mailbox_format *format_find(struct slice name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (slice_is(name, formats[i]->name))
            return formats[i];
    return NULL;
}

void mailbox_close(struct mailbox *mb)
{
    if (mb->fd < 0)
        return;
    if (mb->format->close != NULL)
        mb->format->close(mb);
    close(mb->fd);
    mb->fd = -1;
}
