#ifndef SPOOL_MAILDIR_H
#define SPOOL_MAILDIR_H

/* What the files of the Maildir format share among themselves. */

#include "spool/mailbox.h"
#include "spool/uidl.h"

#include <stddef.h>

extern const struct mailbox_format maildir_format;

/* ---- names of files (maildir_name.c) ---- */

/* A name's base is what stands before the first colon; it is the message's for
 * ever, whatever flags follow. Returns its octets. */
size_t maildir_base(const char *name);

/* The time a name begins with, seconds; 0 where there is none, the largest
 * number where it does not fit. */
uint64_t maildir_time(const char *name);

/* Is the message in the trash (the flag T) or being written (a leading dot)? */
bool maildir_is_hidden(const char *name);

/* What the file is called once it has been seen, in to of size octets. Returns
 * 0, or -1 where it would be too long. */
int maildir_seen_name(const char *name, char *to, size_t size);

/* Writes the UIDL of a base of len octets, NUL-padded: the base itself, or its
 * digest where it is too long or holds octets that no UIDL may. */
void maildir_uidl(const char *base, size_t len, char slot[UIDL_SLOT]);

/* ---- what is known of messages from before (maildir_sizes.c) ---- */

/* One message. Sizes are what was measured; what names say of them is not
 * believed. */
struct maildir_size {
    uint64_t key;     /* of the base */
    uint64_t length;  /* stored octets */
    uint64_t wire;    /* on the wire */
    int64_t modified; /* the file's time then, nanoseconds */
};

struct maildir_sizes {
    struct maildir_size *sizes; /* sorted by key */
    uint64_t count;
};

uint64_t maildir_key(const char *base, size_t len);

/* Reads the file of that name in the state directory (-1: none). Whatever is
 * wrong with it, then nothing is known. The caller frees. */
void maildir_sizes_load(struct maildir_sizes *s, int directory,
                        const char *name);
void maildir_sizes_free(struct maildir_sizes *s);

/* The same of octets that were read: they hold a header and whole sizes. Is it
 * a file we wrote? */
bool maildir_sizes_ok(const void *octets, size_t len);

/* What is known of the message with that key, or NULL. */
const struct maildir_size *maildir_sizes_find(const struct maildir_sizes *s,
                                              uint64_t key);

/* Sorts s and puts it in the file's place. Failing is no error: it costs the
 * next session time. */
void maildir_sizes_save(struct maildir_sizes *s, int directory,
                        const char *name);

/* ---- the messages that are there (maildir_list.c) ---- */

enum {
    MAILDIR_CHASES = 10 /* of a message whose name always changes */
};

enum {
    MAILDIR_NEW,
    MAILDIR_CUR,
    MAILDIR_PARTS
};

struct maildir_message {
    size_t name; /* where it begins in names */
    uint64_t time;
    uint64_t first; /* of the octets behind the time, big-endian: for sorting */
    uint64_t length, wire; /* as measured */
    int64_t modified;
    uint16_t base; /* octets */
    uint8_t part;  /* in which directory it is */
    bool measured; /* length, wire and modified are known */
    bool seen;     /* while it is looked for again: it has been found */
    bool gone;     /* it was not there when it was looked for again */
};

struct maildir_list {
    struct maildir_message *messages; /* in order: time, then base */
    size_t count, room;
    char *names; /* each with its NUL */
    size_t names_len, names_room;
    bool left_out; /* something was no message to serve */
};

/*
 * Lists the messages in both directories (-1: it is not there), read once
 * unless they change meanwhile; sorted, none
 * twice: a message renamed meanwhile counts once, and of two with one base the
 * one in cur, or else with the lesser name. Returns 0, or -1 with errno. The
 * caller frees it.
 */
int maildir_list(struct maildir_list *l, const int parts[MAILDIR_PARTS]);
void maildir_list_free(struct maildir_list *l);

static inline const char *maildir_name_of(const struct maildir_list *l,
                                          const struct maildir_message *m)
{
    return l->names + m->name;
}

/*
 * Others rename and remove messages. Looks at the directories again and gives
 * every message of l the name it has now, or marks it gone: it does so only
 * when several looks have not shown it, for one can miss what is renamed in
 * that moment. Returns 0, or -1 with errno.
 */
int maildir_refresh(struct maildir_list *l, const int parts[MAILDIR_PARTS]);

#endif
