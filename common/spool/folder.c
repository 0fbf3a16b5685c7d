/* Names of folders. Runs in the keeper, as the user, caged; the names come from
 * the client and are hostile, and so may be what the user has put there. */

#include "spool/folder.h"
#include "base/slice.h"
#include "spool/formats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Appends a part, behind a slash if it is not the first. */
static int append(char *clean, size_t size, size_t *used, struct slice part)
{
    size_t slash = *used > 0;

    if (*used + slash + part.len >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (slash)
        clean[*used] = '/';
    memcpy(clean + *used + slash, part.at, part.len);
    *used += slash + part.len;
    clean[*used] = '\0';
    return 0;
}

int folder_clean(const char *name, char *clean, size_t size)
{
    size_t used = 0;

    for (const char *at = name; *at != '\0';) {
        struct slice part = {at, strcspn(at, "/")};
        at += part.len + (at[part.len] == '/');
        if (part.len == 0 || slice_is(part, "."))
            continue;
        if (slice_is(part, "..") || slice_has_control(part)) {
            errno = EINVAL;
            return -1;
        }
        if (append(clean, size, &used, part) < 0)
            return -1;
    }
    errno = EINVAL;
    return used > 0 ? 0 : -1;
}

static bool is_maildir(int directory, const char *name)
{
    struct stat st;
    int fd =
        openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool result = fd >= 0 &&
                  fstatat(fd, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                  S_ISDIR(st.st_mode);

    if (fd >= 0)
        close(fd);
    return result;
}

/* The files in a Maildir's own directories are messages, however much one may
 * look like an mbox. */
static bool is_part(int directory, struct slice name)
{
    return (slice_is(name, "new") || slice_is(name, "cur") ||
            slice_is(name, "tmp")) &&
           is_maildir(directory, ".");
}

/* Opens the directory of that name. */
static int go_down(int directory, struct slice name)
{
    char part[256];

    if (is_part(directory, name)) {
        errno = ENOENT;
        return -1;
    }
    if (slice_copy(name, part, sizeof part) < 0)
        return -1;
    return openat(directory, part,
                  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Goes down the parts of a path but the last, whose name is left in *last. */
static int descend(int root, const char *clean, const char **last)
{
    int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (*last = clean; at >= 0;) {
        struct slice name = {*last, strcspn(*last, "/")};
        if (name.at[name.len] == '\0')
            return at;
        int next = go_down(at, name);
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
        *last += name.len + 1;
    }
    return -1;
}

static const struct mailbox_format *format_of(int directory, const char *name)
{
    struct stat st;

    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    if (S_ISREG(st.st_mode))
        return format_find(slice_of("mbox"));
    return is_maildir(directory, name) ? format_find(slice_of("maildir"))
                                       : NULL;
}

/* path, a slash, and what of clean stands before its last part. */
static int fill(struct place *place, const char *path, const char *clean,
                const char *last)
{
    size_t len = strlen(path), parent = (size_t)(last - clean);

    if (len + parent + 1 > sizeof place->directory ||
        slice_copy(slice_of(last), place->name, sizeof place->name) < 0) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(place->directory, path, len);
    if (parent > 0) {
        place->directory[len++] = '/';
        memcpy(place->directory + len, clean, parent - 1);
        len += parent - 1;
    }
    place->directory[len] = '\0';
    return 0;
}

int folder_find(int root, const char *path, const char *clean,
                struct place *place)
{
    const char *last;
    int directory = descend(root, clean, &last);

    if (directory < 0)
        return -1;
    place->format = format_of(directory, last);
    if (place->format != NULL && fill(place, path, clean, last) == 0)
        return directory;
    close(directory);
    errno = ENOENT;
    return -1;
}
