/* Giving up privileges. Runs once in each room, before it trusts itself with
 * anybody's octets. */

#include "rooms/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0)
        return true;
    return (data[0].effective | data[0].permitted | data[1].effective |
            data[1].permitted) != 0;
}

static bool is_identity(const struct identity *who)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;

    return getresuid(&ruid, &euid, &suid) == 0 &&
           getresgid(&rgid, &egid, &sgid) == 0 && ruid == who->uid &&
           euid == who->uid && suid == who->uid && rgid == who->gid &&
           egid == who->gid && sgid == who->gid &&
           getgroups(0, NULL) == (int)who->group_count;
}

static bool can_return(void)
{
    return setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
           setresgid((gid_t)-1, 0, (gid_t)-1) == 0;
}

static int become(const struct identity *who)
{
    if (setgroups(who->group_count, who->groups) < 0 ||
        setresgid(who->gid, who->gid, who->gid) < 0 ||
        setresuid(who->uid, who->uid, who->uid) < 0)
        return -1;
    if (is_identity(who) && !has_capabilities() &&
        (who->gid == 0 || !can_return()))
        return 0;
    errno = EPERM;
    return -1;
}

int privileges_hide(void)
{
    struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -1;
    return setrlimit(RLIMIT_CORE, &none);
}

int privileges_drop(const struct identity *who)
{
    if (geteuid() == 0) {
        if (who->uid == 0) {
            errno = EPERM;
            return -1;
        }
        if (become(who) < 0)
            return -1;
    } else if (getuid() != who->uid || geteuid() != who->uid) {
        errno = EPERM;
        return -1;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return privileges_hide();
}

int privileges_tie_life(int signal, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0)
        return -1;
    if (getppid() == parent)
        return 0;
    errno = ESRCH;
    return -1;
}

int privileges_blank_standard(int in, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return -1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fd != in && fd != out && dup2(null, fd) < 0)
            return -1;
    close(null);
    return 0;
}

/* The least kept descriptor that is not below from; -1 if there is none. */
static int least_kept(const int *kept, size_t count, int from)
{
    int least = -1;

    for (size_t i = 0; i < count; i++)
        if (kept[i] >= from && (least < 0 || kept[i] < least))
            least = kept[i];
    return least;
}

int privileges_close_others(const int *kept, size_t count)
{
    int from = 0;

    for (;;) {
        int next = least_kept(kept, count, from);
        if (next < 0)
            break;
        if (next > from &&
            close_range((unsigned)from, (unsigned)next - 1, 0) < 0)
            return -1;
        from = next + 1;
    }
    return close_range((unsigned)from, ~0U, 0);
}

void privileges_hear_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
