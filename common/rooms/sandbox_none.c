/* No cages: for kernels that have none, and for sanitizers, which map, open
 * and signal at will. Everything else about the rooms stays. */

#include "rooms/sandbox.h"

int sandbox_can(void)
{
    return 1; /* nothing to complain of: it was built without */
}

int sandbox_front(void)
{
    return 0;
}

int sandbox_auth(void)
{
    return 0;
}

int sandbox_gssapi(int replays)
{
    (void)replays;
    return 0;
}

int sandbox_asker(void)
{
    return 0;
}

int sandbox_tls(void)
{
    return 0;
}

int sandbox_keeper(const struct keeper_files *files)
{
    (void)files;
    return 0;
}

int sandbox_monitor(int mailbox, const struct dotlock_names *names)
{
    (void)names;
    (void)mailbox;
    return 0;
}
