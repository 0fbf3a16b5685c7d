/* The mbox classifier. Runs in the keeper, as the user, caged; distrusts every
 * octet of the mailbox. */

#include "spool/mbox_parse.h"
#include "base/slice.h"

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

/* Nothing stands before the file: there a From_ line may begin. */
void mbox_parse_start(struct mbox_parser *p,
                      int (*emit)(void *, const struct message *),
                      void *context)
{
    memset(p, 0, sizeof *p);
    p->emit = emit;
    p->context = context;
    p->lines.lf = p->lines.empty = LINES_LAST;
}

/* Takes octets of the current message into its checksum. */
static void sum(struct mbox_parser *p, const char *octets, size_t len)
{
    if (!p->in_message)
        return;
    if (!p->summing)
        checksum_start(&p->check);
    p->summing = true;
    checksum_add(&p->check, octets, len);
}

/* The checksum with the last octets; mostly they are all. */
static uint64_t sum_up(struct mbox_parser *p, const char *octets, size_t len)
{
    if (!p->summing)
        return checksum_of(octets, len);
    p->summing = false;
    checksum_add(&p->check, octets, len);
    return checksum_end(&p->check);
}

/* The message that the parser is in ends where the parser stands, behind these
 * octets of it. An empty line at its end separates, unless it is its first. */
static int finish(struct mbox_parser *p, const char *octets, size_t len)
{
    const struct lines *l = &p->lines;
    struct message *m = &p->current;

    if (!p->in_message)
        return 0;
    p->in_message = false;
    m->length = p->offset - message_text(m);
    m->wire = m->length + l->bare;
    if ((l->empty & LINES_LAST) != 0 && l->blank > 1) {
        m->gap = (l->cr & LINES_LAST >> 1) != 0 ? 2 : 1;
        m->length -= m->gap;
        m->wire -= 2;
    }
    if (m->length > 0 && (l->lf & LINES_LAST) == 0)
        m->wire += 2;
    m->check = sum_up(p, octets, len);
    return p->emit(p->context, m);
}

/* A From_ line has been found and taken. */
static void begin(struct mbox_parser *p, size_t from_len, bool whole)
{
    p->current =
        (struct message){.start = p->offset, .from_len = (uint32_t)from_len};
    p->in_message = true;
    p->lines = (struct lines){.lf = whole ? LINES_LAST : 0};
    p->offset += from_len;
}

/* Octets of the line that begins at at, its LF included. */
static size_t line_length(const char *at, const char *end)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));

    return (size_t)((lf != NULL ? lf + 1 : end) - at);
}

int mbox_parse(struct mbox_parser *p, const char *octets, size_t len)
{
    const char *at = octets, *end = octets + len, *summed = octets;

    for (;;) {
        const char *stop = lines_take(&p->lines, at, end);
        p->offset += (uint64_t)(stop - at);
        if (stop == end)
            break;
        size_t line = line_length(stop, end);
        if (mbox_is_from(stop, line)) {
            int result = finish(p, summed, (size_t)(stop - summed));
            if (result != 0)
                return result;
            begin(p, line, stop[line - 1] == '\n');
            summed = stop;
            at = stop + line;
        } else {
            lines_take_letter(&p->lines);
            p->offset++;
            at = stop + 1;
        }
    }
    sum(p, summed, (size_t)(end - summed));
    return 0;
}

int mbox_parse_end(struct mbox_parser *p)
{
    return finish(p, NULL, 0);
}
