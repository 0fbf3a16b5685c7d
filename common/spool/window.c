/* A look at a mailbox, a block at a time. Runs in the keeper, as the user,
 * caged; distrusts the mailbox. */

#include "spool/window.h"
#include "base/exact.h"
#include "spool/lock.h"

#include <errno.h>
#include <stdlib.h>

int window_open(struct window *w, int fd, struct dotlocker *dotlocker)
{
    *w = (struct window){
        .fd = fd, .dotlocker = dotlocker, .block = malloc(WINDOW_BLOCK)};
    return w->block == NULL ? -1 : 0;
}

static int fill(struct window *w, uint64_t offset, size_t least)
{
    uint64_t want = w->until > offset ? w->until - offset : 0;

    if (want < least)
        want = least;
    if (want > WINDOW_BLOCK)
        want = WINDOW_BLOCK;
    lock_refresh(w->dotlocker);
    w->held = 0;
    if (exact_read(w->fd, w->block, (size_t)want, offset) < 0)
        return -1;
    w->at = offset;
    w->held = (size_t)want;
    return 0;
}

const char *window_show(struct window *w, uint64_t offset, size_t least,
                        size_t *len)
{
    bool shown = offset >= w->at && offset + least <= w->at + w->held;

    if (!shown && fill(w, offset, least) < 0)
        return NULL;
    *len = w->held - (size_t)(offset - w->at);
    return w->block + (offset - w->at);
}

void window_close(struct window *w)
{
    int saved = errno;

    free(w->block);
    w->block = NULL;
    errno = saved;
}
