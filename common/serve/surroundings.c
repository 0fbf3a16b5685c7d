/* The surroundings. Runs in the start, for --check, as whoever asked; it looks
 * at what the administrator made and changes nothing. */

#include "serve/surroundings.h"
#include "base/clock.h"
#include "rooms/mechanism.h"
#include "rooms/sandbox.h"
#include "spool/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct look {
    const struct setup *setup;
    const char *program;
    unsigned errors;
};

static void __attribute__((format(printf, 2, 3)))
error(struct look *l, const char *format, ...)
{
    va_list args;

    l->errors++;
    fprintf(stderr, "%s: ", l->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void __attribute__((format(printf, 1, 2)))
warning(const char *format, ...)
{
    va_list args;

    printf("warning: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* ---- the spool directory ---- */

static void look_at_locks(const char *path, const struct stat *st)
{
    if ((st->st_mode & 01002) == 0002)
        warning("%s: every user can replace the mailbox of another: "
                "chmod 2775 %s",
                path, path);
    else if (geteuid() == 0 && (st->st_uid != 0 || (st->st_mode & 020) == 0))
        warning("%s: no dotlocks can be made there: chown root:mail %s; "
                "chmod 2775 %s",
                path, path, path);
}

static void look_at_spool(struct look *l)
{
    const char *template = l->setup->template;
    struct place place;
    struct statfs fs;
    struct stat st;

    if (place_is_users(template) ||
        place_expand(template, "user", "/", &place) < 0)
        return;
    const char *path = place.directory;
    if (stat(path, &st) < 0 && strstr(template, "%1") == NULL &&
        strstr(template, "%2") == NULL)
        error(l, "%s: %s; make the directory of --maildrop", path,
              strerror(errno));
    else if (stat(path, &st) < 0)
        return; /* which one it is depends on the user */
    else if (!S_ISDIR(st.st_mode))
        error(l, "%s: it must be a directory, see --maildrop", path);
    else if (statfs(path, &fs) == 0 && (fs.f_flags & ST_RDONLY) != 0 &&
             !l->setup->read_only)
        warning("%s: the file system is read-only, and no message can be "
                "deleted",
                path);
    else if (strncmp(template, "mbox:", 5) == 0)
        look_at_locks(path, &st);
}

/* ---- the state directory ---- */

static void look_at_state_owner(struct look *l, const char *path,
                                const struct stat *st)
{
    gid_t group = l->setup->room_gid;

    if (st->st_uid != 0)
        error(l, "%s: it must belong to root: chown root:_restante %s", path,
              path);
    else if (st->st_gid != group)
        error(l, "%s: it must have the group _restante: chgrp _restante %s",
              path, path);
    else if ((st->st_mode & 0773) != 0771)
        error(l, "%s: its mode must be 0771: chmod 0771 %s", path, path);
}

static void look_at_state_place(const char *path)
{
    struct statfs fs;

    if (statfs(path, &fs) < 0)
        return;
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        warning("%s is in memory: what a power cut interrupts could not be "
                "finished; put it on a disk, see --state",
                path);
    if ((fs.f_flags & ST_RDONLY) != 0)
        warning("%s: the file system is read-only: most deletions will be "
                "refused",
                path);
}

static void look_at_state(struct look *l)
{
    const char *path = l->setup->state;
    struct stat st;

    if (path == NULL) {
        warning("there is no state directory, and most deletions will be "
                "refused: set HOME, or name one with --state");
        return;
    }
    if (stat(path, &st) < 0 && errno == ENOENT) {
        if (geteuid() == 0)
            warning("%s is made at the first login; better make it now: "
                    "install -d -m 0771 -o root -g _restante %s",
                    path, path);
        return; /* our own is made when it is needed */
    }
    if (stat(path, &st) < 0)
        error(l, "%s: %s", path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        error(l, "%s: it must be a directory, see --state", path);
    else if (geteuid() == 0)
        look_at_state_owner(l, path, &st);
    else if (access(path, W_OK | X_OK) < 0)
        error(l, "%s: %s; choose another with --state", path, strerror(errno));
    look_at_state_place(path);
}

/* ---- PAM ---- */

/* PAM refuses everybody when an included file is missing. */
static void look_at_include(struct look *l, const char *path, const char *line)
{
    char name[64], included[PATH_MAX];

    if (sscanf(line, " @include %63s", name) != 1)
        return;
    snprintf(included, sizeof included, "%s%s",
             name[0] == '/' ? "" : "/etc/pam.d/", name);
    if (access(included, R_OK) < 0)
        error(l, "%s: it includes %s: %s", path, included, strerror(errno));
}

static void look_at_pam(struct look *l)
{
    char path[PATH_MAX], line[1024];
    struct stat st;

    if ((l->setup->providers & PROVIDER_PAM) == 0)
        return;
    snprintf(path, sizeof path, "/etc/pam.d/%s", l->setup->service);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        error(l,
              "%s: %s; PAM has no such service: install the file that comes "
              "with this program",
              path, strerror(errno));
        return;
    }
    if (fstat(fileno(file), &st) == 0 && (st.st_mode & 022) != 0)
        error(l, "%s: others can write to it: chmod 644 %s", path, path);
    while (fgets(line, sizeof line, file) != NULL)
        look_at_include(l, path, line);
    fclose(file);
    if (geteuid() != 0)
        warning("PAM is asked by a user who is not root: most modules then "
                "know the password of that user only");
}

/* ---- the programs beside this one ---- */

static void look_at_program(struct look *l, int fd, const char *name)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
        error(l, "libexec/restante/%s: it cannot be executed: install again",
              name);
    else if (geteuid() == 0 && (st.st_mode & 022) != 0)
        error(l,
              "libexec/restante/%s: others can write to it and so become "
              "root: chmod 755",
              name);
    else if (geteuid() == 0 && st.st_uid != 0)
        warning("libexec/restante/%s belongs to another user than root, who "
                "can become root with it",
                name);
}

static void look_at_empty(struct look *l)
{
    int fd = openat(l->setup->empty_directory, ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    unsigned entries = 0;

    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return; /* an unprivileged caller need not see it */
    }
    while (readdir(directory) != NULL)
        entries++;
    closedir(directory);
    if (entries > 2)
        error(l, "libexec/restante/empty: it must be empty, and is the root "
                 "directory of the process that talks to the client");
}

/* ---- passwords, times, kernel ---- */

static bool any_without_password(const struct setup *s)
{
    for (enum mechanism m = 0; m < MECHANISM_COUNT; m++)
        if (mechanism_offered(m, s->mechanisms, s->keys, false))
            return true;
    return false;
}

static void look_at_logins(struct look *l)
{
    const struct setup *s = l->setup;
    bool tls = s->tls.cert != NULL || s->policy->proxy_tls;

    if (s->policy->plaintext == PLAINTEXT_NEVER && !tls &&
        !any_without_password(s))
        error(l, "nobody can log in: --plaintext=never, and neither TLS nor "
                 "a way to log in without a password");
    if (s->policy->plaintext == PLAINTEXT_ALWAYS)
        warning("--plaintext=always: passwords cross every network in clear "
                "text; better name the networks that are trusted");
    if (s->login_ends == CLOCK_NEVER && !isatty(s->in))
        warning("--login-timeout=0: a client that never logs in is never "
                "sent away");
}

static void look_at_kernel(struct look *l)
{
    int cages = sandbox_can();

    if (cages == 0)
        warning("this kernel has no Landlock, so files are shut off by rights "
                "and system calls alone; with lsm=landlock,... on its command "
                "line it may have it");
    if (cages < 0)
        error(l,
              "Landlock: %s; a filter of the service manager or container "
              "forbids it, and nobody would be served",
              strerror(errno));
}

unsigned surroundings_look(const struct setup *s, const char *program)
{
    struct look l = {.setup = s, .program = program};

    look_at_spool(&l);
    look_at_state(&l);
    look_at_pam(&l);
    for (enum helper h = 0; h < HELPER_COUNT; h++)
        look_at_program(&l, s->helpers[h], helper_names[h]);
    look_at_program(&l, s->tls_program, "tls");
    look_at_empty(&l);
    look_at_logins(&l);
    look_at_kernel(&l);
    return l.errors;
}
