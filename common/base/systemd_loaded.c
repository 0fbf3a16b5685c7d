/* systemd by its library. Runs at the start, and in the monitor, as whoever it
 * is; trusts the environment, which is whoever's who started the program. */

#include "base/systemd.h"

#include <dlfcn.h>
#include <stddef.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

static void *find(const char *name)
{
    void *library = dlopen("libsystemd.so.0", RTLD_NOW);

    return library != NULL ? dlsym(library, name) : NULL;
}

int systemd_passed(void)
{
    __typeof__(sd_listen_fds) *listen_fds;

    *(void **)&listen_fds = find("sd_listen_fds");
    return listen_fds != NULL ? listen_fds(1) : -1;
}

systemd_send *systemd_journal(void)
{
    __typeof__(sd_journal_sendv) *send;

    *(void **)&send = find("sd_journal_sendv");
    return send;
}
