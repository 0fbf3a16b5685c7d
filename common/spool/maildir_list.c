/*
 * The messages of a Maildir: its two directories, read once each. Others
 * deliver, rename and remove meanwhile; nobody locks a Maildir. Runs in the
 * keeper, as the user, caged; distrusts names and kinds of what it finds.
 */

#include "base/entries.h"
#include "spool/maildir.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOKS_MOST = 5 /* at directories that change while they are read */
};

void maildir_list_free(struct maildir_list *l)
{
    free(l->messages);
    free(l->names);
    *l = (struct maildir_list){0};
}

/* Makes room for one more of size octets. Returns the array, moved or not, or
 * NULL: the old one still stands. */
static void *grow(void *array, size_t used, size_t more, size_t *room,
                  size_t size)
{
    if (array != NULL && *room - used >= more)
        return array;
    size_t wanted = 2 * (used + more) + 64;
    void *moved = reallocarray(array, wanted, size);
    if (moved != NULL)
        *room = wanted;
    return moved;
}

static int add_name(struct maildir_list *l, const char *name, size_t *at)
{
    size_t len = strlen(name) + 1;
    char *names = grow(l->names, l->names_len, len, &l->names_room, 1);

    if (names == NULL)
        return -1;
    l->names = names;
    memcpy(names + l->names_len, name, len);
    *at = l->names_len;
    l->names_len += len;
    return 0;
}

/* The first octets of what stands between the time and the base's end, as a
 * number that has their order. */
static uint64_t first_octets(const char *name, size_t base)
{
    size_t digits = strspn(name, "0123456789"), len = base - digits;
    uint64_t octets = 0;

    memcpy(&octets, name + digits, len < sizeof octets ? len : sizeof octets);
    return be64toh(octets);
}

static int add(struct maildir_list *l, const char *name, size_t base, int part)
{
    struct maildir_message m = {.time = maildir_time(name),
                                .first = first_octets(name, base),
                                .base = (uint16_t)base,
                                .part = (uint8_t)part};
    struct maildir_message *messages =
        grow(l->messages, l->count, 1, &l->room, sizeof *messages);

    if (messages == NULL)
        return -1;
    l->messages = messages;
    if (add_name(l, name, &m.name) < 0)
        return -1;
    messages[l->count++] = m;
    return 0;
}

static bool is_plain(int directory, const struct dirent64 *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    return fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode);
}

static int take_entry(struct maildir_list *l, int directory, int part,
                      const struct dirent64 *entry)
{
    size_t base = maildir_base(entry->d_name);

    if (maildir_is_hidden(entry->d_name))
        return 0;
    if (base > 0 && is_plain(directory, entry))
        return add(l, entry->d_name, base, part);
    l->left_out = true;
    return 0;
}

static int read_part(struct maildir_list *l, int fd, int part)
{
    const struct dirent64 *entry;
    struct entries entries;
    int result = 0;

    if (entries_open(&entries, fd) < 0)
        return -1;
    while (result == 0 && (entry = entries_next(&entries)) != NULL)
        result = take_entry(l, fd, part, entry);
    if (result == 0 && errno != 0)
        result = -1;
    entries_close(&entries);
    return result;
}

/* ---- order ---- */

static int compare_bases(const char *a, size_t a_len, const char *b,
                         size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Compares messages of two lists by time and base. Most need no look at names,
 * which lie all over the memory. */
static int compare(const struct maildir_message *x, const char *x_names,
                   const struct maildir_message *y, const char *y_names)
{
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return compare_bases(x_names + x->name, x->base, y_names + y->name,
                         y->base);
}

static int in_order(const void *a, const void *b, void *names)
{
    const struct maildir_message *x = a, *y = b;
    int order = compare(x, names, y, names);

    if (order != 0)
        return order;
    if (x->part != y->part)
        return x->part == MAILDIR_CUR ? -1 : 1;
    return strcmp((const char *)names + x->name, (const char *)names + y->name);
}

static bool exists(const struct maildir_list *l,
                   const struct maildir_message *m,
                   const int parts[MAILDIR_PARTS])
{
    struct stat st;

    return fstatat(parts[m->part], maildir_name_of(l, m), &st,
                   AT_SYMLINK_NOFOLLOW) == 0;
}

/* Leaves one message of each base. Two are usually one that was renamed while
 * the directories were read; two that both are there is somebody's mistake. */
static void drop_doubles(struct maildir_list *l, const int parts[MAILDIR_PARTS])
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        const struct maildir_message *m = &l->messages[i];
        struct maildir_message *last = &l->messages[kept - (kept > 0)];
        if (kept == 0 || compare(last, l->names, m, l->names) != 0)
            l->messages[kept++] = *m;
        else if (!exists(l, last, parts))
            *last = *m;
        else
            l->left_out |= exists(l, m, parts);
    }
    l->count = kept;
}

/* ---- one look, and a sure one ---- */

static int read_parts(struct maildir_list *l, const int parts[MAILDIR_PARTS])
{
    /* new before cur: what is moved meanwhile is then seen twice, not never. */
    for (int part = 0; part < MAILDIR_PARTS; part++)
        if (parts[part] >= 0 && read_part(l, parts[part], part) < 0) {
            int saved = errno;
            maildir_list_free(l);
            errno = saved;
            return -1;
        }
    return 0;
}

static int64_t changed_at(int directory)
{
    struct stat st;

    return directory >= 0 && fstat(directory, &st) == 0
               ? snapshot_of(&st).modified
               : 0;
}

/* A directory may hide a file whose name is changed while it is read: then it
 * is read again. Somebody who never stops changing it is not waited for. */
static int look(struct maildir_list *l, const int parts[MAILDIR_PARTS])
{
    int64_t before[MAILDIR_PARTS];
    bool still = false;

    for (int looks = 0; looks < LOOKS_MOST && !still; looks++) {
        maildir_list_free(l);
        for (int i = 0; i < MAILDIR_PARTS; i++)
            before[i] = changed_at(parts[i]);
        if (read_parts(l, parts) < 0)
            return -1;
        still = true;
        for (int i = 0; i < MAILDIR_PARTS; i++)
            still &= changed_at(parts[i]) == before[i];
    }
    return 0;
}

int maildir_list(struct maildir_list *l, const int parts[MAILDIR_PARTS])
{
    *l = (struct maildir_list){0};
    if (look(l, parts) < 0)
        return -1;
    if (l->count > 0)
        qsort_r(l->messages, l->count, sizeof *l->messages, in_order, l->names);
    drop_doubles(l, parts);
    return 0;
}

/* ---- looking again ---- */

/* Gives m the name and place that found has in now. */
static int rename_to(struct maildir_list *l, struct maildir_message *m,
                     const struct maildir_list *now,
                     const struct maildir_message *found)
{
    const char *name = maildir_name_of(now, found);

    m->part = found->part;
    if (strcmp(name, maildir_name_of(l, m)) == 0)
        return 0;
    return add_name(l, name, &m->name);
}

/* Both lists are in the same order. Returns how many of l nothing has shown
 * yet, or -1. */
static ssize_t merge(struct maildir_list *l, const struct maildir_list *now)
{
    ssize_t missing = 0;
    size_t at = 0;

    for (size_t i = 0; i < l->count; i++) {
        struct maildir_message *m = &l->messages[i];
        while (at < now->count &&
               compare(&now->messages[at], now->names, m, l->names) < 0)
            at++;
        bool found = at < now->count &&
                     compare(&now->messages[at], now->names, m, l->names) == 0;
        if (found && rename_to(l, m, now, &now->messages[at]) < 0)
            return -1;
        m->seen |= found;
        missing += !m->seen && !m->gone;
    }
    return missing;
}

static ssize_t look_again(struct maildir_list *l,
                          const int parts[MAILDIR_PARTS])
{
    struct maildir_list now;

    if (maildir_list(&now, parts) < 0)
        return -1;
    ssize_t missing = merge(l, &now);
    int saved = errno;
    maildir_list_free(&now);
    errno = saved;
    return missing;
}

/* What one look does not show may have been renamed in that moment; what none
 * shows is gone. */
int maildir_refresh(struct maildir_list *l, const int parts[MAILDIR_PARTS])
{
    ssize_t missing = 1;

    for (size_t i = 0; i < l->count; i++)
        l->messages[i].seen = false;
    for (int looks = 0; looks < LOOKS_MOST && missing > 0; looks++)
        missing = look_again(l, parts);
    if (missing < 0)
        return -1;
    for (size_t i = 0; i < l->count; i++)
        l->messages[i].gone = !l->messages[i].seen;
    return 0;
}
