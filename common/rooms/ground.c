/* Which mailbox is meant. Runs in the keeper, as the user; the names are the
 * client's and hostile. Even a wrong answer opens nothing that the cage does
 * not hold and the user may not open. */

#include "rooms/ground.h"
#include "spool/folder.h"
#include "spool/formats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_place(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Opens the directory that holds the maildrop. */
static void settle_on(struct ground *g, const struct place *maildrop)
{
    g->maildrop = maildrop;
    g->directory = open_place(maildrop->directory);
    g->error = errno;
}

/* Only what is known to be missing is: another mailbox must not take the place
 * of one that cannot be looked for now. */
static bool is_missing(const struct ground *g)
{
    struct stat st;

    if (g->directory < 0)
        return g->error == ENOENT || g->error == ENOTDIR;
    return fstatat(g->directory, g->maildrop->name, &st, AT_SYMLINK_NOFOLLOW) <
               0 &&
           errno == ENOENT;
}

void ground_open(struct ground *g, const struct place *maildrop,
                 const struct place *instead, const char *folders)
{
    *g = (struct ground){.path = folders, .folders = -1, .folder_holder = -1};
    settle_on(g, instead->format != NULL ? instead : maildrop);
    if (instead->format != NULL && is_missing(g)) {
        if (g->directory >= 0)
            close(g->directory);
        settle_on(g, maildrop);
    }
    if (folders != NULL)
        g->folders = open_place(folders);
}

/* Does the path name the maildrop? Its last part must be spelt as it is, the
 * directory before it may be spelt anyhow. */
static bool is_path_of(const struct ground *g, const char *path)
{
    const char *slash = strrchr(path, '/');
    char parent[TEXT_FOLDER];
    struct stat ours, theirs;

    if (path[0] != '/' || strcmp(slash + 1, g->maildrop->name) != 0 ||
        g->directory < 0)
        return false;
    memcpy(parent, path, (size_t)(slash - path) + 1);
    parent[slash - path + 1] = '\0';
    return stat(parent, &theirs) == 0 && fstat(g->directory, &ours) == 0 &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/* The rest of a path behind the folders' directory; a name that is no path is
 * itself. NULL: neither. */
static const char *below_folders(const struct ground *g, const char *name)
{
    if (name[0] != '/')
        return name;
    size_t len = strlen(g->path);
    return strncmp(name, g->path, len) == 0 && name[len] == '/' ? name + len
                                                                : NULL;
}

/* A maildrop may lie below the folders: it has one lock and one record, by
 * whatever name it is opened. */
static bool is_maildrop(const struct ground *g)
{
    struct stat ours, theirs;

    return g->directory >= 0 &&
           fstatat(g->directory, g->maildrop->name, &ours,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(g->folder_holder, g->folder.name, &theirs,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static int find_folder(struct ground *g, const char *name)
{
    const char *rest = g->folders < 0 ? NULL : below_folders(g, name);

    if (rest == NULL || folder_clean(rest, g->name, sizeof g->name) < 0)
        return -1;
    g->folder_holder = folder_find(g->folders, g->path, g->name, &g->folder);
    return g->folder_holder < 0 ? -1 : 0;
}

int ground_find(struct ground *g, const char *name, struct spot *spot)
{
    ground_leave(g);
    *spot = (struct spot){
        .place = g->maildrop, .directory = g->directory, .error = g->error};
    if (name[0] == '\0' || strcasecmp(name, "INBOX") == 0 ||
        is_path_of(g, name))
        return 0;
    if (find_folder(g, name) < 0)
        return -1;
    if (is_maildrop(g))
        return 0;
    *spot = (struct spot){
        .place = &g->folder, .directory = g->folder_holder, .folder = true};
    return 0;
}

void ground_leave(struct ground *g)
{
    if (g->folder_holder >= 0)
        close(g->folder_holder);
    g->folder_holder = -1;
}
