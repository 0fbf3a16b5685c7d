/* The mbox classifier. Runs in the keeper, as the user, caged; distrusts every
 * octet of the mailbox. */

#include "spool/mbox_parse.h"
#include "base/slice.h"
#include "net/wire.h"

#include <string.h>

static bool is_one_of(struct slice word, const char *list)
{
    if (word.len != 3)
        return false;
    for (; *list != '\0'; list += 3)
        if (memcmp(word.at, list, 3) == 0)
            return true;
    return false;
}

static bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

static bool is_day(struct slice word)
{
    return (word.len == 1 || word.len == 2) && is_digit(word.at[0]) &&
           is_digit(word.at[word.len - 1]);
}

/* h:mm or hh:mm, whatever follows. */
static bool is_time(struct slice word)
{
    size_t hours = word.len > 1 && word.at[1] == ':' ? 1 : 2;

    return word.len >= hours + 3 && is_digit(word.at[0]) &&
           is_digit(word.at[hours - 1]) && word.at[hours] == ':' &&
           is_digit(word.at[hours + 1]) && is_digit(word.at[hours + 2]);
}

/* Does a date in asctime's order begin here: Www Mmm dd hh:mm? */
static bool starts_date(struct slice rest)
{
    return is_one_of(slice_word(&rest), "SunMonTueWedThuFriSat") &&
           is_one_of(slice_word(&rest),
                     "JanFebMarAprMayJunJulAugSepOctNovDec") &&
           is_day(slice_word(&rest)) && is_time(slice_word(&rest));
}

bool mbox_is_from(const char *line, size_t len)
{
    if (len < 5 || len > MBOX_FROM_MAX || memcmp(line, "From ", 5) != 0)
        return false;
    struct slice rest = slice_trim((struct slice){line + 5, len - 5});
    while (rest.len > 0) {
        if (starts_date(rest))
            return true;
        slice_word(&rest);
    }
    return false;
}

void mbox_parse_start(struct mbox_parser *p,
                      int (*emit)(void *, const struct message *),
                      void *context)
{
    memset(p, 0, sizeof *p);
    p->emit = emit;
    p->context = context;
    p->after_empty = true;
    XXH3_64bits_reset(&p->check);
}

/* The message that the parser is in ends where the parser stands. */
static int finish(struct mbox_parser *p)
{
    struct message *m = &p->current;

    if (!p->in_message)
        return 0;
    p->in_message = false;
    if (p->gap > 0) {
        m->gap = p->gap;
        m->length -= p->gap;
        m->wire -= 2;
    }
    if (m->length > 0 && p->previous != '\n')
        m->wire += 2;
    m->check = XXH3_64bits_digest(&p->check);
    return p->emit(p->context, m);
}

static void begin(struct mbox_parser *p, size_t from_len)
{
    p->current =
        (struct message){.start = p->offset, .from_len = (uint32_t)from_len};
    p->in_message = true;
    XXH3_64bits_reset(&p->check);
}

/* Takes in a line, or a piece of one: len >= 1. */
static void take(struct mbox_parser *p, const char *line, size_t len)
{
    bool whole = !p->in_line && line[len - 1] == '\n';

    p->current.length += len;
    p->current.wire += len + wire_gain(line, len, p->previous);
    p->in_line = line[len - 1] != '\n';
    p->after_empty = whole && (len == 1 || (len == 2 && line[0] == '\r'));
    p->gap = p->after_empty && p->in_body ? (uint32_t)len : 0;
    p->in_body |= p->after_empty;
}

static void take_from_line(struct mbox_parser *p, const char *line, size_t len)
{
    begin(p, len);
    p->in_line = line[len - 1] != '\n';
    p->after_empty = false;
    p->in_body = false;
    p->gap = 0;
}

int mbox_parse(struct mbox_parser *p, const char *octets, size_t len)
{
    const char *at = octets, *end = octets + len, *summed = octets;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((lf != NULL ? lf + 1 : end) - at);
        if (*at == 'F' && !p->in_line && p->after_empty &&
            mbox_is_from(at, line)) {
            XXH3_64bits_update(&p->check, summed, (size_t)(at - summed));
            summed = at;
            int result = finish(p);
            if (result != 0)
                return result;
            take_from_line(p, at, line);
        } else {
            take(p, at, line);
        }
        at += line;
        p->offset += line;
        p->previous = at[-1];
    }
    XXH3_64bits_update(&p->check, summed, (size_t)(at - summed));
    return 0;
}

int mbox_parse_end(struct mbox_parser *p)
{
    return finish(p);
}
