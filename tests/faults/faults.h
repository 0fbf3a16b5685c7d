#ifndef FAULTS_H
#define FAULTS_H

/*
 * What the parts of the fault runner share: the calls that are hit and
 * recorded (calls.c), the disk after a power cut (disk.c), the formats a
 * battery runs over (mbox.c, maildir.c) and the battery itself (update.c).
 */

#include "spool/mailbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- calls (calls.c) ---- */

enum fault {
    FAULT_NONE,
    KILL_BEFORE, /* both processes, before the call */
    KILL_HALF,   /* both, half-way through a write, or behind another call */
    KILL_CHILD,  /* the working child alone: its parent finishes */
    FAIL_EIO,
    FAIL_ENOSPC,
    FAIL_EINTR,
    FAIL_SHORT,
    FAULTS
};

enum op_kind {
    OP_WRITE, /* octets of a file */
    OP_SIZE,
    OP_SYNC,
    OP_ENTER, /* a name in a directory */
    OP_REMOVE,
    OP_RENAME,
    OP_SYNC_DIRECTORY
};

/* Where files are. What a format does not have is not there. */
enum directory {
    STATE,
    TOP,
    MAIL,
    NEW,
    CUR,
    TMP,
    DIRECTORIES
};

struct op {
    enum op_kind kind;
    unsigned object; /* the file, or the directory of the name */
    unsigned other;  /* OP_ENTER: the file; OP_RENAME: the other directory */
    uint64_t at;     /* OP_SIZE: the new size */
    uint64_t len;    /* octets written */
    uint64_t data;   /* where in shared->data the octets are, or the names, each
                      * with its NUL */
};

enum {
    OPS_MOST = 20000,
    FILES_MOST = 256
};
#define DATA_MOST (1ULL << 30)

struct shared {
    unsigned calls, fault_at;
    enum fault fault;
    bool full_disk;            /* no room is ever reserved */
    bool no_fallocate;         /* the file system does not know the call */
    bool no_replace;           /* ... nor how not to replace a file */
    bool no_record;            /* no slot of the record is ever written */
    bool no_sync[DIRECTORIES]; /* of these directories nothing comes of it */
    bool recording;
    ino_t directory[DIRECTORIES]; /* 0: it is not there */
    ino_t file[FILES_MOST];
    unsigned files;
    unsigned ops;
    struct op op[OPS_MOST];
    uint64_t data_len;
    char *data;
    uint64_t found, octets; /* what the last session counted */
};

extern struct shared *shared;

/* ---- the disk (disk.c) ---- */

struct image {
    char *at;
    uint64_t len, room;
};

struct entry {
    enum directory directory;
    char name[128];
    unsigned file;
};

struct disk {
    struct image image[FILES_MOST];
    unsigned files;
    struct entry entry[FILES_MOST];
    unsigned entries;
};

/* How much of what was not synced reaches it. */
struct power {
    bool data, sizes, entries;
    bool random; /* any part of it */
    bool exact;  /* the k-th entry that was not synced does if bit k is set */
    uint64_t which;
};

/* What is there now; its files are known to the recording from now on. The
 * caller frees it. */
void disk_take(struct disk *d);
void disk_free(struct disk *d);

/* Puts there what a power cut behind so many recorded calls leaves of before.
 */
void disk_after_cut(const struct disk *before, unsigned cut,
                    const struct power *power);

/* How many changes of names were not synced then. */
unsigned disk_loose_entries(unsigned cut);

/* Does the mail stand in both as it does in the other? */
bool disk_same_mail(const struct disk *a, const struct disk *b);

/* Removes all files. */
void disk_wipe(void);

int directory_open(enum directory directory);

void file_write(enum directory directory, const char *name, const char *octets,
                size_t len);

/* ---- formats ---- */

enum {
    MESSAGES_MOST = 64,
    DELIVERY = MESSAGES_MOST /* the number of the message that comes later */
};

struct text {
    char *at;
    size_t len;
};

/* Number i begins with "From mI@"; a final empty line ends it. */
extern struct text messages[MESSAGES_MOST + 1];
extern unsigned count;

/* Which message begins here, whole? -1: none. */
int message_at(const char *at, size_t len);

/* A format as the battery knows it, without the spool's help. */
struct box {
    const char *name;
    const struct mailbox_format *format;
    bool moves; /* octets move inside a file: a full disk matters */

    /* Makes "mail" in TOP, with all messages but the delivery. */
    void (*lay_out)(void);

    /* The delivery comes, as from an agent. */
    void (*deliver)(void);

    /* Counts each message that is there. Returns false when anything else is,
     * or part of one. */
    bool (*read)(unsigned seen[]);

    /* Octets on the wire of that message. */
    uint64_t (*wire)(unsigned i);

    /* Somebody else changes what is there, the first message not doomed for
     * one. */
    void (*meddle)(void);
};

extern const struct box mbox_box, maildir_box;

#endif
