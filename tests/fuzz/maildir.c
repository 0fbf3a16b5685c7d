/* What stands in a Maildir: names of files, the file of sizes, and the lists of
 * other servers. The first octet says which. */

#include "spool/maildir_foreign.h"
#include "target.h"

#include <string.h>

static void check_slot(const char *slot)
{
    size_t len = strnlen(slot, UIDL_SLOT);

    MUST(len >= 1 && len <= UIDL_MOST);
    for (size_t i = 0; i < len; i++)
        MUST(slot[i] >= 0x21 && slot[i] <= 0x7e);
}

static void try_name(const char *octets, size_t size)
{
    char name[256], seen[256], slot[UIDL_SLOT];

    if (size >= sizeof name)
        return;
    memcpy(name, octets, size);
    name[size] = '\0';
    size_t base = maildir_base(name);
    MUST(base <= strlen(name));
    maildir_uidl(name, base, slot);
    check_slot(slot);
    maildir_time(name);
    if (maildir_seen_name(name, seen, sizeof seen) == 0) {
        MUST(maildir_base(seen) == base && memcmp(seen, name, base) == 0);
        MUST(maildir_is_hidden(seen) == maildir_is_hidden(name));
    }
}

static void try_list(const char *octets, size_t size,
                     const struct uidl_style *style)
{
    struct foreign_list l;

    if (foreign_list_parse(&l, octets, size, style) < 0)
        return;
    for (size_t i = 0; i < l.count; i++)
        if (l.all[i].uidl[0] != '\0')
            check_slot(l.all[i].uidl);
    foreign_list_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct uidl_style dovecot = {UIDL_NUMBERS, "%08Xu%08Xv"},
                                   courier = {UIDL_COURIER, NULL};
    const char *octets = (const char *)data + 1;

    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'n':
        try_name(octets, size - 1);
        break;
    case 's':
        maildir_sizes_ok(octets, size - 1);
        break;
    case 'd':
        try_list(octets, size - 1, &dovecot);
        break;
    case 'c':
        try_list(octets, size - 1, &courier);
    }
    return 0;
}
