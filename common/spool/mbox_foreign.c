/*
 * UIDLs of other servers, from the headers of an mbox. UIDs are believed as
 * IMAP servers believe them: when the first header of the mailbox says what the
 * last one is, and as long as they rise up to it. Runs in the keeper, as the
 * user, caged; distrusts the mailbox, and headers may come from anybody who
 * sends mail.
 */

#include "spool/mbox_foreign.h"
#include "spool/header.h"

#include <string.h>

enum {
    HEADER_MOST = 1024 * 1024 /* octets of the first header looked at */
};

/* Reads a number off the front of *rest. 0 where there is none. */
static uint32_t take_number(struct slice *rest)
{
    struct slice word = slice_word(rest);
    uint64_t number = 0;

    if (word.len == 0 || word.len > 10)
        return 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return 0;
        number = 10 * number + (uint64_t)(word.at[i] - '0');
    }
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

bool foreign_take(void *context, struct slice line)
{
    struct foreign *f = context;
    struct slice value;

    if (header_field(line, "X-UID:", &value)) {
        f->uid = take_number(&value);
    } else if (header_field(line, "X-UIDL:", &value)) {
        uidl_take(value.at, value.len, f->uidl);
    } else if (header_field(line, "X-IMAPbase:", &value) ||
               header_field(line, "X-IMAP:", &value)) {
        f->validity = take_number(&value);
        f->last = take_number(&value);
    }
    return true;
}

/* The base stands in the first message, be it a hidden one or a user's. */
static int read_base(int fd, const struct table *table, struct foreign *base)
{
    const struct message *first = &table->messages[0];
    uint64_t octets = message_end(first);

    *base = (struct foreign){.validity = 0};
    return header_read(fd, 0, octets < HEADER_MOST ? octets : HEADER_MOST,
                       foreign_take, base);
}

struct rise {
    struct foreign base;
    uint32_t before; /* the UID of the message before */
};

static void take_uid(const struct uidl_style *style, struct rise *rise,
                     const struct foreign *f, char slot[UIDL_SLOT])
{
    if (rise->base.validity == 0 || f->uid <= rise->before ||
        f->uid > rise->base.last)
        return;
    rise->before = f->uid;
    uidl_fill(style, f->uid, rise->base.validity, slot);
}

int mbox_foreign(int fd, const struct table *table,
                 const struct uidl_style *style, char (*slots)[UIDL_SLOT])
{
    struct rise rise = {.before = 0};

    if (table->count == 0)
        return 0;
    if (read_base(fd, table, &rise.base) < 0)
        return -1;
    for (uint64_t i = 0; i < table->count; i++) {
        const struct message *m = &table->messages[i];
        struct foreign f = {.uid = 0};
        if (header_read(fd, message_text(m), m->length, foreign_take, &f) < 0)
            return -1;
        if (style->source == UIDL_NUMBERS)
            take_uid(style, &rise, &f, slots[i]);
        else if (style->source == UIDL_FIELD && f.uidl[0] != '\0')
            memcpy(slots[i], f.uidl, UIDL_SLOT);
    }
    return 0;
}
