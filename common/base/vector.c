/*
 * Counting and expanding lines, 64 octets at a time where the processor can.
 * Runs in the keeper and in front; distrusts every octet.
 */

#include "base/vector.h"
#include "base/processor.h"

/* ---- plainly ---- */

/* Takes one octet. */
static void take(struct lines *l, char octet)
{
    bool lf = octet == '\n';
    bool after_cr = (l->cr & LINES_LAST) != 0;
    bool starts = (l->lf & LINES_LAST) != 0;
    bool starts_before = (l->lf & (LINES_LAST >> 1)) != 0;
    bool empty = lf && (starts || (after_cr && starts_before));

    l->bare += lf && !after_cr;
    l->blank += empty;
    l->lf = l->lf >> 1 | (lf ? LINES_LAST : 0);
    l->cr = l->cr >> 1 | (octet == '\r' ? LINES_LAST : 0);
    l->empty = l->empty >> 1 | (empty ? LINES_LAST : 0);
}

const char *lines_take_plainly(struct lines *l, const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == 'F' && (l->empty & LINES_LAST) != 0)
            return at;
        take(l, *at);
    }
    return end;
}

size_t lines_expand_plainly(struct expansion *e, const char **from,
                            const char *end, char *to, size_t room)
{
    const char *at = *from;
    size_t used = 0;

    while (at < end && room - used >= EXPAND_ROOM) {
        if (*at == '\n' && e->previous != '\r')
            to[used++] = '\r';
        if (*at == '.' && e->previous == '\n' && e->stuff) {
            to[used++] = '.';
            e->dots++;
        }
        e->previous = *at;
        to[used++] = *at++;
    }
    *from = at;
    return used;
}

/* ---- with AVX2 ---- */

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx2,bmi,bmi2,popcnt")))

enum {
    STEP = 64
};

struct wide {
    __m256i low, high;
};

WIDE static inline struct wide load(const char *at)
{
    return (struct wide){
        _mm256_loadu_si256((const __m256i *)(const void *)at),
        _mm256_loadu_si256((const __m256i *)(const void *)(at + STEP / 2))};
}

WIDE static inline void store(char *at, struct wide octets)
{
    _mm256_storeu_si256((__m256i *)(void *)at, octets.low);
    _mm256_storeu_si256((__m256i *)(void *)(at + STEP / 2), octets.high);
}

/* One bit an octet: is it this one? */
WIDE static inline uint64_t where(struct wide octets, char is)
{
    __m256i all = _mm256_set1_epi8(is);
    uint32_t low =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(octets.low, all));
    uint32_t high =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(octets.high, all));

    return (uint64_t)high << 32 | low;
}

WIDE static inline bool holds(struct wide octets, char octet)
{
    __m256i all = _mm256_set1_epi8(octet);
    __m256i any = _mm256_or_si256(_mm256_cmpeq_epi8(octets.low, all),
                                  _mm256_cmpeq_epi8(octets.high, all));

    return !_mm256_testz_si256(any, any);
}

/* The bits of the octets n places before, those before the step from the
 * history. */
WIDE static inline uint64_t before(uint64_t bits, uint64_t history, int n)
{
    return bits << n | history >> (64 - n);
}

/* What one step tells, as bits. */
struct step {
    uint64_t lf, cr, bare, empty, found;
};

/* Most steps hold no CR and no empty line: what asks for either is computed
 * when there is one. */
WIDE static inline struct step look(const struct lines *l, const char *at)
{
    struct wide octets = load(at);
    struct step s = {.lf = where(octets, '\n')};
    uint64_t after_lf = before(s.lf, l->lf, 1), after_cr = l->cr >> 63;

    s.empty = s.lf & after_lf;
    if (holds(octets, '\r') || after_cr != 0) {
        s.cr = where(octets, '\r');
        after_cr = before(s.cr, l->cr, 1);
        s.empty |= s.lf & after_cr & before(s.lf, l->lf, 2);
    }
    s.bare = s.lf & ~after_cr;
    uint64_t after_empty = before(s.empty, l->empty, 1);
    if (after_empty != 0)
        s.found = where(octets, 'F') & after_empty;
    return s;
}

/* Takes the first n octets of a step. */
WIDE static inline void take_some(struct lines *l, const struct step *s,
                                  unsigned n)
{
    uint64_t taken = (1ULL << n) - 1;

    l->bare += (unsigned)__builtin_popcountll(s->bare & taken);
    l->blank += (unsigned)__builtin_popcountll(s->empty & taken);
    if (n == 0)
        return;
    l->lf = s->lf << (STEP - n) | l->lf >> n;
    l->cr = s->cr << (STEP - n) | l->cr >> n;
    l->empty = s->empty << (STEP - n) | l->empty >> n;
}

WIDE static const char *lines_take_wide(struct lines *lines, const char *at,
                                        const char *end)
{
    struct lines l = *lines;
    struct step s = {.found = 0};

    for (; end - at >= STEP; at += STEP) {
        s = look(&l, at);
        if (s.found != 0)
            break;
        l.bare += (unsigned)__builtin_popcountll(s.bare);
        l.blank += (unsigned)__builtin_popcountll(s.empty);
        l.lf = s.lf;
        l.cr = s.cr;
        l.empty = s.empty;
    }
    if (s.found != 0)
        take_some(&l, &s, (unsigned)__builtin_ctzll(s.found));
    *lines = l;
    return s.found != 0 ? at + __builtin_ctzll(s.found)
                        : lines_take_plainly(lines, at, end);
}

/* Ends a line and begins the next one: at points behind the LF. */
static inline size_t next_line(struct expansion *e, bool after_cr,
                               const char **at, char *to)
{
    size_t used = 0;

    if (!after_cr)
        to[used++] = '\r';
    to[used++] = '\n';
    e->previous = '\n';
    if (**at == '.' && e->stuff) {
        to[used++] = '.';
        to[used++] = '.';
        e->previous = '.';
        e->dots++;
        ++*at;
    }
    return used;
}

/* Whole steps are copied, whatever is in them; what was written behind the
 * first LF is then written again, one octet further. */
WIDE static size_t lines_expand_wide(struct expansion *e, const char **from,
                                     const char *end, char *to, size_t room)
{
    const char *at = *from;
    size_t used = 0;

    if (at < end && *at == '.' && e->previous == '\n')
        used = lines_expand_plainly(e, &at, at + 1, to, room);
    while (end - at > STEP && room - used >= STEP + 4) {
        struct wide octets = load(at);
        uint64_t lf = where(octets, '\n');
        store(to + used, octets);
        unsigned n = lf != 0 ? (unsigned)__builtin_ctzll(lf) : STEP;
        if (n > 0)
            e->previous = at[n - 1];
        used += n;
        at += n;
        if (lf != 0) {
            at++;
            used += next_line(e, e->previous == '\r', &at, to + used);
        }
    }
    *from = at;
    return used + lines_expand_plainly(e, from, end, to + used, room - used);
}

const char *lines_take(struct lines *l, const char *at, const char *end)
{
    return processor_is_wide() ? lines_take_wide(l, at, end)
                               : lines_take_plainly(l, at, end);
}

size_t lines_expand(struct expansion *e, const char **from, const char *end,
                    char *to, size_t room)
{
    return processor_is_wide() ? lines_expand_wide(e, from, end, to, room)
                               : lines_expand_plainly(e, from, end, to, room);
}

#else

const char *lines_take(struct lines *l, const char *at, const char *end)
{
    return lines_take_plainly(l, at, end);
}

size_t lines_expand(struct expansion *e, const char **from, const char *end,
                    char *to, size_t room)
{
    return lines_expand_plainly(e, from, end, to, room);
}

#endif
