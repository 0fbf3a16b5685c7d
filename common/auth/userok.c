/* .k5login. Runs in auth-gssapi as whoever started the daemon, and in a child
 * of it as the user, whose file it is. */

#include "auth/userok.h"
#include "rooms/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <krb5.h>
#include <profile.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ANSWER_YES = 10, /* no other end of a process looks like one of these */
    ANSWER_NO = 11
};

/* Where the library will look for the file: in the home, or in a directory that
 * krb5.conf names. */
static int name_file(krb5_context kerberos, const struct frame_decision *user,
                     char *path, size_t size)
{
    char *directory = NULL;
    profile_t profile;
    int len;

    if (krb5_get_profile(kerberos, &profile) != 0 ||
        profile_get_string(profile, "libdefaults", "k5login_directory", NULL,
                           NULL, &directory) != 0)
        return -1;
    if (directory != NULL)
        len = snprintf(path, size, "%s/%s", directory, user->name);
    else
        len = snprintf(path, size, "%s/.k5login", user->home);
    return len > 0 && (size_t)len < size ? 0 : -1;
}

/* Can it be read, or is there none? */
static bool is_plain(krb5_context kerberos, const struct frame_decision *user)
{
    char path[2 * TEXT_PATH];

    if (name_file(kerberos, user, path, sizeof path) < 0)
        return false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    close(fd);
    return true;
}

static bool may(const char *name, const struct frame_decision *user)
{
    krb5_context kerberos;
    krb5_principal principal;

    return krb5_init_context(&kerberos) == 0 &&
           krb5_parse_name(kerberos, name, &principal) == 0 &&
           is_plain(kerberos, user) &&
           krb5_kuserok(kerberos, principal, user->name) != 0;
}

static _Noreturn void ask(const char *principal,
                          const struct frame_decision *user, pid_t parent)
{
    const int kept[] = {0, 1, 2};
    struct identity who = {.uid = user->uid, .gid = user->gid};

    for (uint32_t i = 0; i < user->group_count; i++)
        who.groups[who.group_count++] = user->groups[i];
    if (privileges_close_others(kept, 3) < 0 || privileges_drop(&who) < 0 ||
        privileges_tie_life(SIGKILL, parent) < 0)
        _exit(1);
    _exit(may(principal, user) ? ANSWER_YES : ANSWER_NO);
}

enum outcome userok(const char *principal, const struct frame_decision *user)
{
    pid_t self = getpid();
    int status;
    pid_t child = fork();

    if (child < 0)
        return OUTCOME_UNAVAILABLE;
    if (child == 0)
        ask(principal, user, self);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return OUTCOME_UNAVAILABLE;
    if (!WIFEXITED(status))
        return OUTCOME_UNAVAILABLE;
    if (WEXITSTATUS(status) == ANSWER_YES)
        return OUTCOME_ACCEPTED;
    return WEXITSTATUS(status) == ANSWER_NO ? OUTCOME_REFUSED
                                            : OUTCOME_UNAVAILABLE;
}
