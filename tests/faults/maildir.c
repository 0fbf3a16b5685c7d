/* The Maildir under the fault battery: a file a message, every second one in
 * new/. */

#include "faults.h"
#include "spool/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME = 80
};

static void base_of(unsigned i, char base[NAME])
{
    snprintf(base, NAME, "17000000%02u.M%uP1.host", i, i);
}

static void lay_out(void)
{
    static const char *const made[] = {"top/mail", "top/mail/new",
                                       "top/mail/cur", "top/mail/tmp"};
    char name[NAME + 4];

    for (unsigned i = 0; i < sizeof made / sizeof *made; i++)
        if (mkdir(made[i], 0700) < 0 && errno != EEXIST)
            abort();
    for (unsigned i = 0; i < count; i++) {
        base_of(i, name);
        if (i % 2 == 0)
            strcat(name, ":2,S");
        file_write(i % 2 == 0 ? CUR : NEW, name, messages[i].at,
                   messages[i].len);
    }
}

static void deliver(void)
{
    int tmp = directory_open(TMP), new = directory_open(NEW);
    char base[NAME];

    base_of(DELIVERY, base);
    file_write(TMP, base, messages[DELIVERY].at, messages[DELIVERY].len);
    if (renameat(tmp, base, new, base) < 0)
        abort();
    close(tmp);
    close(new);
}

/* A message whole, under the name it came with, whatever flags it has now? */
static int read_message(int at, const char *name)
{
    struct stat st;
    char base[NAME];
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    char *octets = malloc((size_t)st.st_size + 1);
    if (read(fd, octets, (size_t)st.st_size) != st.st_size)
        abort();
    close(fd);
    int id = message_at(octets, (size_t)st.st_size);
    free(octets);
    if (id < 0 || messages[id].len != (size_t)st.st_size)
        return -1;
    base_of((unsigned)id, base);
    size_t len = strlen(base);
    return strncmp(name, base, len) == 0 &&
                   (name[len] == '\0' || name[len] == ':')
               ? id
               : -1;
}

static bool read_part(enum directory part, unsigned seen[])
{
    DIR *stream = fdopendir(directory_open(part));
    const struct dirent *entry;
    bool whole = true;

    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        int id = read_message(dirfd(stream), entry->d_name);
        if (id >= 0)
            seen[id]++;
        whole &= id >= 0;
    }
    closedir(stream);
    return whole;
}

static bool read_box(unsigned seen[])
{
    bool new = read_part(NEW, seen);

    return read_part(CUR, seen) && new;
}

static uint64_t wire(unsigned i)
{
    const struct text *m = &messages[i];
    uint64_t octets = m->len;

    for (size_t at = 0; at < m->len; at++)
        octets += m->at[at] == '\n';
    return octets;
}

/* Gives a message's file another name, and one more line where asked for. */
static void touch(int part, const char *name, int cur, bool longer)
{
    char seen[NAME + 8];

    snprintf(seen, sizeof seen, "%.*s:2,FS", (int)strcspn(name, ":"), name);
    if (renameat(part, name, cur, seen) < 0)
        abort();
    int fd = longer ? openat(cur, seen, O_WRONLY | O_APPEND) : -1;
    if (longer && (fd < 0 || write(fd, "more\n", 5) != 5))
        abort();
    if (fd >= 0)
        close(fd);
}

/* As a mail reader does: everything has been seen, and one was edited. */
static void meddle(void)
{
    int cur = directory_open(CUR);
    bool edited = false;

    for (unsigned i = 0; i < count; i++)
        for (int part = NEW; part <= CUR; part++) {
            char name[NAME + 4];
            int at = directory_open((enum directory)part);
            base_of(i, name);
            if (part == CUR && faccessat(at, name, F_OK, 0) < 0)
                strcat(name, i % 2 == 0 ? ":2,S" : ":2,");
            if (faccessat(at, name, F_OK, 0) == 0) {
                touch(at, name, cur, !edited);
                edited = true;
            }
            close(at);
        }
    close(cur);
}

const struct box maildir_box = {.name = "maildir",
                                .format = &maildir_format,
                                .lay_out = lay_out,
                                .deliver = deliver,
                                .read = read_box,
                                .wire = wire,
                                .meddle = meddle};
