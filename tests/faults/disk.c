/*
 * The disk: what is on it, and what is on it after a power cut. A cut keeps
 * all that was synced before, and of the rest what the disk had just written:
 * octets, sizes and names in any selection, for no order among them has been
 * asked for. Names of a file are synced with their directory, not with the
 * file, and a rename with both directories; it is done or not, never half.
 */

#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const paths[DIRECTORIES] = {
    [STATE] = "state",      [TOP] = "top",          [MAIL] = "top/mail",
    [NEW] = "top/mail/new", [CUR] = "top/mail/cur", [TMP] = "top/mail/tmp"};

int directory_open(enum directory directory)
{
    return open(paths[directory], O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/* ---- files ---- */

void file_write(enum directory directory, const char *name, const char *octets,
                size_t len)
{
    int at = directory_open(directory);
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (at < 0 || fd < 0)
        abort();
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, octets + done, len - done);
        if (n <= 0)
            abort();
        done += (size_t)n;
    }
    close(fd);
    close(at);
}

static struct image read_image(int at, const char *name)
{
    struct image image = {NULL, 0, 0};
    struct stat st;
    int fd = openat(at, name, O_RDONLY);

    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    image.len = image.room = (uint64_t)st.st_size;
    image.at = malloc(image.len + 1);
    if (read(fd, image.at, image.len) != (ssize_t)image.len)
        abort();
    close(fd);
    return image;
}

/* Calls each with every plain file. */
static void each_file(void (*each)(void *, enum directory, int at,
                                   const char *name),
                      void *context)
{
    for (int i = 0; i < DIRECTORIES; i++) {
        const struct dirent *entry;
        int fd = directory_open((enum directory)i);
        DIR *stream = fd < 0 ? NULL : fdopendir(fd);
        while (stream != NULL && (entry = readdir(stream)) != NULL)
            if (entry->d_type == DT_REG)
                each(context, (enum directory)i, fd, entry->d_name);
        if (stream != NULL)
            closedir(stream);
    }
}

static void remove_one(void *context, enum directory directory, int at,
                       const char *name)
{
    (void)context;
    (void)directory;
    if (unlinkat(at, name, 0) < 0)
        abort();
}

void disk_wipe(void)
{
    each_file(remove_one, NULL);
}

/* ---- what is there ---- */

static void enter(struct disk *d, enum directory directory, const char *name,
                  unsigned file)
{
    struct entry *e = &d->entry[d->entries++];

    if (d->entries == FILES_MOST)
        abort();
    e->directory = directory;
    e->file = file;
    snprintf(e->name, sizeof e->name, "%s", name);
}

static void take_one(void *context, enum directory directory, int at,
                     const char *name)
{
    struct disk *d = context;
    struct stat st;

    if (d->files == FILES_MOST || fstatat(at, name, &st, 0) < 0)
        abort();
    shared->file[d->files] = st.st_ino;
    d->image[d->files] = read_image(at, name);
    enter(d, directory, name, d->files++);
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->directory != y->directory
               ? (x->directory > y->directory) - (x->directory < y->directory)
               : strcmp(x->name, y->name);
}

void disk_take(struct disk *d)
{
    *d = (struct disk){.files = 0};
    each_file(take_one, d);
    qsort(d->entry, d->entries, sizeof *d->entry, by_place);
    shared->files = d->files;
    for (int i = 0; i < DIRECTORIES; i++) {
        struct stat st;
        bool there = lstat(paths[i], &st) == 0 && S_ISDIR(st.st_mode);
        shared->directory[i] = there ? st.st_ino : 0;
    }
}

void disk_free(struct disk *d)
{
    for (unsigned i = 0; i < FILES_MOST; i++)
        free(d->image[i].at);
}

bool disk_same_mail(const struct disk *a, const struct disk *b)
{
    unsigned i = 0, j = 0;

    while (i < a->entries && a->entry[i].directory == STATE)
        i++;
    while (j < b->entries && b->entry[j].directory == STATE)
        j++;
    for (; i < a->entries && j < b->entries; i++, j++) {
        const struct entry *x = &a->entry[i], *y = &b->entry[j];
        const struct image *one = &a->image[x->file],
                           *other = &b->image[y->file];
        if (by_place(x, y) != 0 || one->len != other->len ||
            memcmp(one->at, other->at, one->len) != 0)
            return false;
    }
    return i == a->entries && j == b->entries;
}

/* ---- the power cut ---- */

/* Behind which calls nothing of this is loose any more. */
struct synced {
    unsigned file[FILES_MOST], directory[DIRECTORIES];
};

static void find_synced(struct synced *s, unsigned cut)
{
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < cut; i++) {
        const struct op *op = &shared->op[i];
        if (op->kind == OP_SYNC)
            s->file[op->object] = i;
        if (op->kind == OP_SYNC_DIRECTORY)
            s->directory[op->object] = i;
    }
}

static bool is_entry(const struct op *op)
{
    return op->kind == OP_ENTER || op->kind == OP_REMOVE ||
           op->kind == OP_RENAME;
}

static bool is_synced(const struct synced *s, unsigned i)
{
    const struct op *op = &shared->op[i];

    if (!is_entry(op))
        return i < s->file[op->object];
    return i < s->directory[op->object] &&
           (op->kind != OP_RENAME || i < s->directory[op->other]);
}

unsigned disk_loose_entries(unsigned cut)
{
    struct synced s;
    unsigned loose = 0;

    find_synced(&s, cut);
    for (unsigned i = 0; i < cut; i++)
        loose += is_entry(&shared->op[i]) && !is_synced(&s, i);
    return loose;
}

static void image_size(struct image *i, uint64_t len)
{
    if (len > i->room) {
        i->at = realloc(i->at, len);
        memset(i->at + i->room, 0, len - i->room);
        i->room = len;
    }
    if (len < i->len)
        memset(i->at + len, 0, i->len - len);
    i->len = len;
}

static void image_write(struct image *i, const struct op *op, bool whole)
{
    enum {
        PAGE = 4096
    };

    for (uint64_t done = 0; done < op->len;) {
        uint64_t part = PAGE - (op->at + done) % PAGE;
        if (part > op->len - done)
            part = op->len - done;
        if ((whole || rand() % 2) && op->at + done + part > i->len)
            image_size(i, op->at + done + part);
        if (op->at + done + part <= i->len && (whole || rand() % 2))
            memcpy(i->at + op->at + done, shared->data + op->data + done, part);
        done += part;
    }
}

static struct entry *find(struct disk *d, unsigned directory, const char *name)
{
    for (unsigned i = 0; i < d->entries; i++)
        if (d->entry[i].directory == directory &&
            strcmp(d->entry[i].name, name) == 0)
            return &d->entry[i];
    return NULL;
}

static void drop(struct disk *d, unsigned directory, const char *name)
{
    struct entry *e = find(d, directory, name);

    if (e != NULL)
        *e = d->entry[--d->entries];
}

static void play_entry(struct disk *d, const struct op *op)
{
    const char *name = shared->data + op->data;
    const char *other = name + strlen(name) + 1;

    if (op->kind == OP_REMOVE) {
        drop(d, op->object, name);
        return;
    }
    if (op->kind == OP_ENTER) {
        drop(d, op->object, name);
        enter(d, (enum directory)op->object, name, op->other);
        return;
    }
    const struct entry *e = find(d, op->object, name);
    if (e == NULL)
        return;
    unsigned file = e->file;
    drop(d, op->object, name);
    drop(d, op->other, other);
    enter(d, (enum directory)op->other, other, file);
}

static void play(struct disk *d, const struct op *op, bool synced,
                 const struct power *power, unsigned *loose)
{
    bool chance = power->random && rand() % 2;

    if (is_entry(op)) {
        bool exactly = power->exact && (power->which >> *loose & 1) != 0;
        if (synced || exactly || power->entries || (chance && !power->exact))
            play_entry(d, op);
        *loose += !synced;
    }
    if (op->kind == OP_WRITE && (synced || power->data || power->random))
        image_write(&d->image[op->object], op, synced || !power->random);
    if (op->kind == OP_SIZE && (synced || power->sizes || chance))
        image_size(&d->image[op->object], op->at);
}

static void remove_unless_on(void *context, enum directory directory, int at,
                             const char *name)
{
    if (find(context, directory, name) == NULL)
        remove_one(NULL, directory, at, name);
}

/* A file that is there already stays the same inode. */
static void put_there(struct disk *d)
{
    each_file(remove_unless_on, d);
    for (unsigned i = 0; i < d->entries; i++) {
        const struct image *image = &d->image[d->entry[i].file];
        file_write(d->entry[i].directory, d->entry[i].name, image->at,
                   image->len);
    }
}

static void copy_disk(struct disk *to, const struct disk *from)
{
    *to = *from;
    for (unsigned i = 0; i < from->files; i++) {
        to->image[i].at = malloc(from->image[i].len + 1);
        to->image[i].room = from->image[i].len;
        memcpy(to->image[i].at, from->image[i].at, from->image[i].len);
    }
}

void disk_after_cut(const struct disk *before, unsigned cut,
                    const struct power *power)
{
    static struct disk d;
    struct synced s;
    unsigned loose = 0;

    copy_disk(&d, before);
    find_synced(&s, cut);
    for (unsigned i = 0; i < cut; i++)
        play(&d, &shared->op[i], is_synced(&s, i), power, &loose);
    put_there(&d);
    disk_free(&d);
}
