/* .k5login. Runs in auth-gssapi as whoever started the daemon, and in children
 * of it, askers: _restante, or the user whose file it is. An asker distrusts
 * the principal's name and the file. */

#include "auth/userok.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <krb5.h>
#include <profile.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Can it be read, or is there none? What is no file could be read for ever. */
static bool is_plain(krb5_context kerberos, const struct frame_decision *user)
{
    char path[2 * TEXT_PATH];
    struct stat st;

    if (name_file(kerberos, user, path, sizeof path) < 0)
        return false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    bool plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    return plain;
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

/* In a child: becomes somebody who has nothing but where to answer. */
static void become(const struct identity *who, int answer, pid_t parent)
{
    const int kept[] = {0, 1, 2, answer};

    if (privileges_close_others(kept, 4) < 0 || privileges_drop(who) < 0 ||
        privileges_tie_life(SIGKILL, parent) < 0 || sandbox_asker() < 0)
        _exit(1);
}

static _Noreturn void ask(const char *principal,
                          const struct frame_decision *user, pid_t parent)
{
    struct identity who = {.uid = user->uid, .gid = user->gid};

    for (uint32_t i = 0; i < user->group_count; i++)
        who.groups[who.group_count++] = user->groups[i];
    become(&who, -1, parent);
    _exit(may(principal, user) ? ANSWER_YES : ANSWER_NO);
}

/* What the child says by its end. */
static enum outcome outcome_of(pid_t child)
{
    int status;

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

enum outcome userok(const char *principal, const struct frame_decision *user)
{
    pid_t self = getpid();
    pid_t child = fork();

    if (child < 0)
        return OUTCOME_UNAVAILABLE;
    if (child == 0)
        ask(principal, user, self);
    return outcome_of(child);
}

static _Noreturn void apply_rules(const char *name,
                                  const struct frame_order *order, int answer,
                                  pid_t parent)
{
    const struct identity who = {.uid = order->room_uid,
                                 .gid = order->room_gid};
    char local[TEXT_USER] = "";
    krb5_context kerberos;
    krb5_principal principal;

    become(&who, answer, parent);
    if (krb5_init_context(&kerberos) != 0 ||
        krb5_parse_name(kerberos, name, &principal) != 0 ||
        krb5_aname_to_localname(kerberos, principal, sizeof local, local) != 0)
        _exit(ANSWER_NO);
    local[sizeof local - 1] = '\0';
    _exit(write(answer, local, sizeof local) == sizeof local ? ANSWER_YES : 1);
}

enum outcome userok_name(const char *principal, const struct frame_order *order,
                         char *to)
{
    char local[TEXT_USER];
    int answer[2];
    pid_t self = getpid();

    if (pipe(answer) < 0)
        return OUTCOME_UNAVAILABLE;
    pid_t child = fork();
    if (child == 0)
        apply_rules(principal, order, answer[1], self);
    close(answer[1]);
    bool whole = read(answer[0], local, sizeof local) == sizeof local &&
                 memchr(local, '\0', sizeof local) != NULL;
    close(answer[0]);
    enum outcome outcome = child < 0 ? OUTCOME_UNAVAILABLE : outcome_of(child);
    if (outcome != OUTCOME_ACCEPTED)
        return outcome;
    if (!whole)
        return OUTCOME_UNAVAILABLE;
    memcpy(to, local, sizeof local);
    return OUTCOME_ACCEPTED;
}
