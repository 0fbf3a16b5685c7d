/* Styles of UIDLs. The style is read at the start, from the administrator; the
 * rest runs in the keeper, as the user, caged. */

#include "spool/uidl.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    struct uidl_style style;
} names[] = {
    {"popa3d", {UIDL_OWN, NULL}},
    {"dovecot", {UIDL_NUMBERS, "%08Xu%08Xv"}},
    {"uw", {UIDL_NUMBERS, "%08Xv%08Xu"}},
    {"x-uidl", {UIDL_FIELD, NULL}},
    {"courier", {UIDL_COURIER, NULL}},
};

/* A number in a pattern: %, then perhaps a width and X for hexadecimal, then
 * which. */
struct number {
    bool zeros, hex;
    int width;
    char which; /* u, v, or % */
};

/* Reads the number behind a percent sign. Returns what follows it, or NULL. */
static const char *read_number(const char *at, struct number *n)
{
    *n = (struct number){.zeros = *at == '0'};
    while (isdigit((unsigned char)*at) && n->width < UIDL_MOST)
        n->width = 10 * n->width + (*at++ - '0');
    n->hex = *at == 'X';
    at += n->hex;
    n->which = *at;
    return (*at == 'u' || *at == 'v' || *at == '%') && n->width <= UIDL_MOST
               ? at + 1
               : NULL;
}

static int put_number(const struct number *n, uint32_t value, char *to,
                      size_t room)
{
    char digits[16];

    if (n->which == '%')
        return snprintf(to, room, "%%");
    /* cppcheck-suppress duplicateExpressionTernary ; it knows no PRIx32 */
    snprintf(digits, sizeof digits, n->hex ? "%" PRIx32 : "%" PRIu32, value);
    int missing = n->width - (int)strlen(digits);
    int len = 0;
    while (missing-- > 0 && (size_t)len + 1 < room)
        to[len++] = n->zeros ? '0' : ' ';
    return len + snprintf(to + len, room - (size_t)len, "%s", digits);
}

static bool is_printable(const char *octets, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (octets[i] < 0x21 || octets[i] > 0x7e)
            return false;
    return true;
}

int uidl_take(const char *octets, size_t len, char slot[UIDL_SLOT])
{
    if (len == 0 || len > UIDL_MOST || !is_printable(octets, len))
        return -1;
    memset(slot, 0, UIDL_SLOT);
    memcpy(slot, octets, len);
    return 0;
}

int uidl_fill(const struct uidl_style *style, uint32_t uid, uint32_t validity,
              char slot[UIDL_SLOT])
{
    char text[2 * UIDL_SLOT];
    size_t len = 0;

    for (const char *at = style->pattern; *at != '\0';) {
        struct number n;
        if (len > UIDL_MOST)
            return -1;
        if (*at != '%') {
            text[len++] = *at++;
            continue;
        }
        at = read_number(at + 1, &n);
        if (at == NULL)
            return -1;
        len += (size_t)put_number(&n, n.which == 'v' ? validity : uid,
                                  text + len, UIDL_SLOT);
    }
    return uidl_take(text, len, slot);
}

/* A pattern must tell messages apart, and give a UIDL for any numbers. */
static bool is_pattern(const char *text)
{
    const struct uidl_style style = {UIDL_NUMBERS, text};
    char one[UIDL_SLOT], other[UIDL_SLOT];

    return uidl_fill(&style, UINT32_MAX, UINT32_MAX, one) == 0 &&
           uidl_fill(&style, 1, 1, one) == 0 &&
           uidl_fill(&style, 2, 1, other) == 0 && strcmp(one, other) != 0;
}

int uidl_style_parse(const char *text, struct uidl_style *style)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i].name) == 0) {
            *style = names[i].style;
            return 0;
        }
    if (strchr(text, '%') != NULL && is_pattern(text)) {
        *style = (struct uidl_style){UIDL_NUMBERS, text};
        return 0;
    }
    errno = EINVAL;
    return -1;
}

bool uidl_style_fits(const struct uidl_style *style, bool tree)
{
    switch (style->source) {
    case UIDL_FIELD:
        return !tree;
    case UIDL_COURIER:
        return tree;
    default:
        return true;
    }
}

static int by_uidl_then_place(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    int order = memcmp(x, y, UIDL_SLOT);

    return order != 0 ? order : (x > y) - (x < y);
}

int uidl_drop_doubles(char (*slots)[UIDL_SLOT], uint64_t count)
{
    char **sorted = calloc(count + 1, sizeof *sorted);

    if (sorted == NULL)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        sorted[i] = slots[i];
    qsort(sorted, count, sizeof *sorted, by_uidl_then_place);
    for (uint64_t i = 1, first = 0; i < count; i++) {
        if (memcmp(sorted[first], sorted[i], UIDL_SLOT) == 0)
            sorted[i][0] = '\0';
        else
            first = i;
    }
    free(sorted);
    return 0;
}
