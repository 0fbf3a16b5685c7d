#ifndef SPOOL_TABLE_H
#define SPOOL_TABLE_H

/*
 * The messages of an opened maildrop as an array of fixed-size records in a
 * sealed memfd: written once by the keeper, mapped read-only by keeper and
 * front. It can neither shrink nor change under its readers, which a mapping
 * of the mailbox itself could.
 */

#include <stdint.h>

/* More messages than any maildrop has; what claims more is lying. It bounds
 * what front sets aside for marks: 512 MiB. */
#define MESSAGES_MAX UINT32_MAX

/* Front needs where the text is and what it measures; the rest is for the
 * format. A message that is a file of its own begins at its offset 0, without
 * From_ line or gap. */
struct message {
    uint64_t start;    /* offset of the From_ line in the file, octets */
    uint64_t length;   /* stored octets, From_ line and separator excluded */
    uint64_t wire;     /* octets on the wire, RFC 1939 section 11 */
    uint64_t check;    /* checksum of the stored octets, From_ line included */
    uint32_t from_len; /* octets of the From_ line, its line end included */
    uint32_t gap;      /* octets of the separator behind the message */
};

struct table {
    const struct message *messages; /* count of them, mapped read-only */
    uint64_t count;
    uint64_t octets; /* sum of the wire sizes */
};

/* Where the stored text of a message begins, and where the next one does. */
static inline uint64_t message_text(const struct message *m)
{
    return m->start + m->from_len;
}

static inline uint64_t message_end(const struct message *m)
{
    return message_text(m) + m->length + m->gap;
}

/* A table being written, or another array of equal slots (the UIDLs). */
struct table_writer {
    int fd;
    uint64_t size; /* octets written to fd */
    uint32_t held; /* octets waiting in buffer */
    char buffer[8192];
};

/* Starts a memfd. Returns 0, or -1 with errno. */
int table_write_start(struct table_writer *w);

/* Appends one slot of size octets (at most 256). Returns 0, or -1 with errno;
 * after an error only the next two are allowed. */
int table_write(struct table_writer *w, const void *slot, uint32_t size);

/* Begins anew. Returns 0, or -1 with errno. */
int table_write_again(struct table_writer *w);

/* Gives up. */
void table_write_drop(struct table_writer *w);

/* Seals the memfd and returns it; the caller owns it. -1 with errno. */
int table_write_end(struct table_writer *w);

/*
 * Maps a sealed memfd that must hold exactly count slots of size octets.
 * Returns the mapping (NULL for count 0 sets *mapping NULL and returns 0), or
 * -1 with errno: EINVAL when the size differs or the seals are missing. fd
 * stays the caller's.
 */
int table_map_slots(int fd, uint64_t count, uint32_t size,
                    const void **mapping);

/* Maps a table of messages and sums it up; checks that no record reaches
 * beyond 63 bits. Returns 0, or -1 with errno. */
int table_map(int fd, uint64_t count, struct table *table);

/* Takes the mapping away; count 0 is fine. */
void table_unmap(struct table *table);
void table_unmap_slots(const void *mapping, uint64_t count, uint32_t size);

#endif
