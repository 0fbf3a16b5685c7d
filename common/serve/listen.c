/* The client's descriptors. Runs at the start. */

#include "serve/listen.h"
#include "base/systemd.h"

#include <stdlib.h>
#include <unistd.h>

int listen_client(int *in, int *out)
{
    *in = STDIN_FILENO;
    *out = STDOUT_FILENO;
    if (getenv("LISTEN_FDS") == NULL)
        return 0;
    int count = systemd_passed();
    if (count == 0) /* meant for another process */
        return 0;
    if (count > 0)
        *in = *out = SYSTEMD_FIRST;
    return count == 1 ? 0 : -1;
}
