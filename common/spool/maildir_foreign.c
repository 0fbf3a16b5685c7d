/* UIDLs of other servers for a Maildir. Runs in the keeper, as the user, caged;
 * distrusts the lists: a wrong one makes UIDLs odd and nothing worse. */

#include "spool/maildir_foreign.h"
#include "base/exact.h"
#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MOST = 256 * 1024 * 1024 /* octets */
};

void foreign_list_free(struct foreign_list *l)
{
    free(l->all);
    *l = (struct foreign_list){NULL, 0, 0};
}

/* Makes room for one more, for this base. NULL with errno. */
static struct foreign_uidl *add(struct foreign_list *l, struct slice base)
{
    if (l->count == l->room) {
        size_t room = 2 * l->room + 64;
        void *moved = reallocarray(l->all, room, sizeof *l->all);
        if (moved == NULL)
            return NULL;
        l->all = moved;
        l->room = room;
    }
    struct foreign_uidl *u = &l->all[l->count++];
    *u = (struct foreign_uidl){.key = maildir_key(base.at, base.len)};
    return u;
}

static struct slice base_of(struct slice name)
{
    const char *colon = memchr(name.at, ':', name.len);

    return colon == NULL ? name
                         : (struct slice){name.at, (size_t)(colon - name.at)};
}

/* A decimal number, all of the slice; 0 where it is none. */
static uint32_t number_of(struct slice s)
{
    uint64_t number;

    return slice_number(s, &number) == 0 && number <= UINT32_MAX
               ? (uint32_t)number
               : 0;
}

static struct slice next_line(struct slice *rest)
{
    const char *lf = memchr(rest->at, '\n', rest->len);
    size_t len = lf == NULL ? rest->len : (size_t)(lf - rest->at);
    struct slice line = {rest->at, len};

    rest->at += len + (lf != NULL);
    rest->len -= len + (lf != NULL);
    return line;
}

/* ---- dovecot-uidlist ---- */

/* "3 V1234567890 N17 ..."; in version 1 "1 1234567890 17". */
static uint32_t dovecot_validity(struct slice line)
{
    struct slice version = slice_word(&line), word;

    if (slice_is(version, "1"))
        return number_of(slice_word(&line));
    while ((word = slice_word(&line)).len > 0)
        if (word.at[0] == 'V')
            return number_of((struct slice){word.at + 1, word.len - 1});
    return 0;
}

/* "17 PUIDL W2345 :NAME", and without colon in version 1. P is a UIDL that was
 * given to this message alone. */
static int dovecot_line(struct foreign_list *l, struct slice line,
                        uint32_t validity, const struct uidl_style *style)
{
    uint32_t uid = number_of(slice_word(&line));
    struct slice given = {NULL, 0}, word;

    if (uid == 0)
        return 0;
    while ((word = slice_word(&line)).len > 0 && word.at[0] != ':') {
        if (line.len == 0)
            break;
        if (word.at[0] == 'P')
            given = (struct slice){word.at + 1, word.len - 1};
    }
    /* A name may hold spaces: it is all that is left. */
    struct slice name = {word.at, word.len + line.len};
    if (name.len > 0 && name.at[0] == ':')
        name = (struct slice){name.at + 1, name.len - 1};
    if (name.len == 0)
        return 0;
    struct foreign_uidl *u = add(l, base_of(name));
    if (u == NULL)
        return -1;
    if (uidl_take(given.at, given.len, u->uidl) < 0)
        uidl_fill(style, uid, validity, u->uidl);
    return 0;
}

/* ---- courierpop3dsizelist ---- */

/* "NAME SIZE UID:VALIDITY:FLAG". A UID of 0 has the name for its UIDL. */
static int courier_line(struct foreign_list *l, struct slice line)
{
    static const struct uidl_style style = {UIDL_NUMBERS, "UID%u-%v"};
    struct slice name = slice_word(&line);

    slice_word(&line); /* size */
    struct slice ids = slice_word(&line);
    struct slice uid = base_of(ids);
    if (name.len == 0 || uid.len == ids.len)
        return 0;
    struct slice rest = {ids.at + uid.len + 1, ids.len - uid.len - 1};
    uint32_t number = number_of(uid), validity = number_of(base_of(rest));
    if (number == 0)
        return 0;
    struct foreign_uidl *u = add(l, base_of(name));
    return u == NULL ? -1 : uidl_fill(&style, number, validity, u->uidl);
}

/* ---- either ---- */

static int by_key(const void *a, const void *b)
{
    const struct foreign_uidl *x = a, *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

int foreign_list_parse(struct foreign_list *l, const char *text, size_t len,
                       const struct uidl_style *style)
{
    struct slice rest = {text, len};
    struct slice first = next_line(&rest);
    uint32_t validity = dovecot_validity(first);
    bool courier = style->source == UIDL_COURIER;

    *l = (struct foreign_list){NULL, 0, 0};
    if (courier ? first.len == 0 || first.at[0] != '/' : validity == 0)
        return 0;
    while (rest.len > 0) {
        struct slice line = next_line(&rest);
        int result = courier ? courier_line(l, line)
                             : dovecot_line(l, line, validity, style);
        if (result < 0) {
            foreign_list_free(l);
            return -1;
        }
    }
    if (l->count > 0)
        qsort(l->all, l->count, sizeof *l->all, by_key);
    return 0;
}

static int read_whole(int fd, char **octets, size_t *len)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
        errno = EPERM;
        return -1;
    }
    *len = (size_t)st.st_size;
    *octets = malloc(*len + 1);
    return *octets == NULL ? -1 : exact_read(fd, *octets, *len, 0);
}

int foreign_list_load(struct foreign_list *l, int maildir,
                      const struct uidl_style *style)
{
    const char *name = style->source == UIDL_COURIER ? "courierpop3dsizelist"
                                                     : "dovecot-uidlist";
    int fd = openat(maildir, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char *octets = NULL;
    size_t len;

    *l = (struct foreign_list){NULL, 0, 0};
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    int result = read_whole(fd, &octets, &len);
    if (result == 0)
        result = foreign_list_parse(l, octets, len, style);
    int saved = errno;
    free(octets);
    close(fd);
    errno = saved;
    return result;
}

const char *foreign_list_find(const struct foreign_list *l, const char *base,
                              size_t len)
{
    struct foreign_uidl wanted = {.key = maildir_key(base, len)};
    const struct foreign_uidl *found =
        l->count == 0
            ? NULL
            : bsearch(&wanted, l->all, l->count, sizeof wanted, by_key);

    return found == NULL || found->uidl[0] == '\0' ? NULL : found->uidl;
}
