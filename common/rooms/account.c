/* From a name to an account. Runs in auth, where the name has been
 * authenticated, and in --recover, where it is that of a state directory; as
 * whoever started the program. */

#include "rooms/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static enum outcome fill(const struct passwd *pw, const char *name,
                         struct frame_decision *d)
{
    if (strlen(name) >= sizeof d->name || strlen(pw->pw_dir) >= sizeof d->home)
        return OUTCOME_UNAVAILABLE;
    d->uid = pw->pw_uid;
    d->gid = pw->pw_gid;
    strcpy(d->name, name);
    strcpy(d->home, pw->pw_dir);
    return OUTCOME_ACCEPTED;
}

/* More groups than the contract carries are left out: fewer rights. */
static void fill_groups(const struct passwd *pw, struct frame_decision *d)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;

    if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) < 0)
        count = GROUPS_MAX;
    for (int i = 0; i < count; i++)
        d->groups[i] = groups[i];
    d->group_count = (uint32_t)count;
}

/* What getpwnam(3) may say when there simply is no such name. */
static bool is_unknown(int error)
{
    return error == 0 || error == ENOENT || error == ESRCH || error == EBADF ||
           error == EPERM;
}

static enum outcome find_system(const char *name, struct frame_decision *d)
{
    errno = 0;
    const struct passwd *pw = getpwnam(name);

    if (pw == NULL)
        return is_unknown(errno) ? OUTCOME_REFUSED : OUTCOME_UNAVAILABLE;
    if (pw->pw_uid == 0)
        return OUTCOME_REFUSED;
    fill_groups(pw, d);
    return fill(pw, pw->pw_name, d);
}

static enum outcome find_own(const char *name, struct frame_decision *d)
{
    struct passwd nobody = {.pw_uid = getuid(),
                            .pw_gid = getgid(),
                            .pw_dir = (char *)"/nonexistent"};
    const struct passwd *pw = getpwuid(getuid());

    return fill(pw != NULL ? pw : &nobody, name, d);
}

enum outcome account_find(const char *name, struct frame_decision *decision)
{
    return geteuid() == 0 ? find_system(name, decision)
                          : find_own(name, decision);
}
