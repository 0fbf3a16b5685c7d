/* The --maildrop template. Runs in the monitor; the template is the
 * administrator's, the user name is checked here. */

#include "spool/place.h"
#include "spool/formats.h"

#include <errno.h>
#include <string.h>

/* auto and a path: an mbox there, but a Maildir in the home directory comes
 * first. */
#define AUTO         "auto"
#define AUTO_MAILDIR "%h/Maildir"
#define AUTO_SPOOL   "/var/mail/%u"

struct expansion {
    char path[PLACE_PATH];
    size_t len;
    bool full;
};

bool place_name_ok(const char *user)
{
    size_t len = strlen(user);

    return len > 0 && len < 256 && user[0] != '.' && user[0] != '-' &&
           strchr(user, '/') == NULL &&
           !slice_has_control((struct slice){user, len});
}

/* Parts the template at its colon. Returns the path, or NULL where no format
 * stands before it. */
static const char *parse(const char *template,
                         const struct mailbox_format **format)
{
    size_t len = strcspn(template, ":");
    struct slice name = {template, len};

    if (strcmp(template, AUTO) == 0) {
        *format = format_find(slice_of("mbox"));
        return AUTO_SPOOL;
    }
    *format = format_find(slice_is(name, AUTO) ? slice_of("mbox") : name);
    return *format == NULL || template[len] == '\0' ? NULL : template + len + 1;
}

static bool path_ok(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '%' && strchr("uh12%", at[1]) == NULL)
            return false;
        if (*at == '%' && *++at == '\0')
            return false;
    }
    return (path[0] == '/' || strncmp(path, "%h/", 3) == 0) &&
           path[strlen(path) - 1] != '/';
}

int place_check(const char *template)
{
    const struct mailbox_format *format;
    const char *path = parse(template, &format);

    if (path != NULL && path_ok(path))
        return 0;
    errno = EINVAL;
    return -1;
}

int place_check_directory(const char *template)
{
    if (path_ok(template))
        return 0;
    errno = EINVAL;
    return -1;
}

bool place_is_users(const char *template)
{
    const char *name = strrchr(template, '/');

    for (const char *at = strchr(template, '%'); at != NULL && at < name;
         at = strchr(at + 2, '%'))
        if (at[1] == 'h' || at[1] == 'u')
            return true;
    return false;
}

static void append(struct expansion *e, const char *octets, size_t len)
{
    if (len >= sizeof e->path - e->len) {
        e->full = true;
        return;
    }
    memcpy(e->path + e->len, octets, len);
    e->len += len;
}

static void append_code(struct expansion *e, char code, const char *user,
                        const char *home)
{
    switch (code) {
    case 'u':
        append(e, user, strlen(user));
        break;
    case 'h':
        append(e, home, strlen(home));
        break;
    case '1':
        append(e, user, 1);
        break;
    case '2':
        append(e, user, strlen(user) < 2 ? strlen(user) : 2);
        break;
    default:
        append(e, "%", 1);
    }
}

static int split(const struct expansion *e, struct place *place)
{
    struct slice path = {e->path, e->len};
    size_t cut = path.len;

    while (cut > 0 && path.at[cut - 1] != '/')
        cut--;
    struct slice name = {path.at + cut, path.len - cut};
    struct slice directory = {path.at, cut > 1 ? cut - 1 : cut};
    if (path.len == 0 || path.at[0] != '/' || name.len == 0) {
        errno = EINVAL;
        return -1;
    }
    if (slice_copy(directory, place->directory, sizeof place->directory) < 0)
        return -1;
    return slice_copy(name, place->name, sizeof place->name);
}

static int expand(const char *path, const char *user, const char *home,
                  struct expansion *e)
{
    if (!place_name_ok(user)) {
        errno = EINVAL;
        return -1;
    }
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '%')
            append_code(e, *++at, user, home);
        else
            append(e, at, 1);
    }
    errno = ENAMETOOLONG;
    return e->full ? -1 : 0;
}

int place_expand(const char *template, const char *user, const char *home,
                 struct place *place)
{
    struct expansion e = {.len = 0};

    if (place_check(template) < 0 ||
        expand(parse(template, &place->format), user, home, &e) < 0)
        return -1;
    return split(&e, place);
}

int place_instead(const char *template, const char *user, const char *home,
                  struct place *place)
{
    struct expansion e = {.len = 0};

    place->format = NULL;
    if (strcspn(template, ":") != strlen(AUTO) ||
        strncmp(template, AUTO, strlen(AUTO)) != 0)
        return 0;
    if (expand(AUTO_MAILDIR, user, home, &e) < 0 || split(&e, place) < 0)
        return -1;
    place->format = format_find(slice_of("maildir"));
    return 0;
}

int place_directory(const char *template, const char *user, const char *home,
                    char *path)
{
    struct expansion e = {.len = 0};

    if (place_check_directory(template) < 0 ||
        expand(template, user, home, &e) < 0)
        return -1;
    if (e.len == 0 || e.path[0] != '/') {
        errno = EINVAL;
        return -1;
    }
    return slice_copy((struct slice){e.path, e.len}, path, PLACE_PATH);
}
