/* Loading libpam. Runs in auth, as root. The library is found as the dynamic
 * linker finds any; its modules may expect its names to be there for all. */

#include "auth/pam_load.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Stores the function of that name in *to, a pointer to it. */
static int find(void *handle, const char *name, void *to)
{
    void *at = dlsym(handle, name);

    memcpy(to, &at, sizeof at);
    return at == NULL ? -1 : 0;
}

int pam_load(struct pam_library *library)
{
    void *handle = dlopen("libpam.so.0", RTLD_NOW | RTLD_GLOBAL);

    if (handle == NULL || find(handle, "pam_start", &library->start) < 0 ||
        find(handle, "pam_end", &library->end) < 0 ||
        find(handle, "pam_set_item", &library->set_item) < 0 ||
        find(handle, "pam_get_item", &library->get_item) < 0 ||
        find(handle, "pam_authenticate", &library->authenticate) < 0 ||
        find(handle, "pam_acct_mgmt", &library->acct_mgmt) < 0)
        return -1;
    return 0;
}
