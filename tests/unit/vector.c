/*
 * The vector loops against their plain twins: on random octets of alphabets
 * that are full of line ends, dots and From_ lines, on long runs of each, at
 * every alignment, in random cuts, with every room; and the plain counting
 * against a definition that looks at the whole text. And checksums, in random
 * pieces, against the library's own.
 */

#include "base/vector.h"
#include "base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LONGEST = 700,
    ROUNDS = 60000,
    PAGES = 4 * 4096
};

static uint64_t seed = 88172645463325252ULL;

static size_t below(size_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % limit);
}

static void fail(const char *what, const char *text, size_t len)
{
    fprintf(stderr, "%s differs:", what);
    for (size_t i = 0; i < len; i++)
        fprintf(stderr, " %02x", (unsigned char)text[i]);
    fputc('\n', stderr);
    exit(1);
}

/* Memory whose last octet is the last that may be touched. */
static char *fenced(void)
{
    char *at = mmap(NULL, PAGES + 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED || mprotect(at + PAGES, 4096, PROT_NONE) < 0)
        exit(2);
    return at + PAGES;
}

static void fill(char *text, size_t len)
{
    static const char *const alphabets[] = {
        "\n",
        "\r\n",
        "\nF",
        "\n\r F",
        "\n\n\nFrom .",
        "a\n.",
        ".\n",
        "abcdefghijklmnopqrstuvwxyz \n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
    };
    const char *alphabet =
        alphabets[below(sizeof alphabets / sizeof *alphabets)];
    size_t letters = strlen(alphabet);

    for (size_t i = 0; i < len; i++)
        text[i] = alphabet[below(letters)];
    for (size_t i = below(4); i > 0 && len > 8; i--)
        memcpy(text + below(len - 8), below(2) ? "\n\nFrom " : "\n\r\nFrom", 7);
}

/* ---- counting ---- */

/* Is there an empty line whose LF is at i? What stands before the text counts
 * as the end of an empty line. */
static bool empty_at(const char *text, size_t i)
{
    if (text[i] != '\n')
        return false;
    if (i == 0 || text[i - 1] == '\n')
        return true;
    return text[i - 1] == '\r' && (i == 1 || text[i - 2] == '\n');
}

static void check_meaning(const char *text, size_t len)
{
    struct lines l = {.lf = LINES_LAST, .empty = LINES_LAST};
    size_t bare = 0, blank = 0, i = 0;

    for (; i < len; i++) {
        if (text[i] == 'F' && (i == 0 || empty_at(text, i - 1)))
            break;
        bare += text[i] == '\n' && (i == 0 || text[i - 1] != '\r');
        blank += empty_at(text, i);
    }
    const char *stop = lines_take_plainly(&l, text, text + len);
    if (stop != text + i || l.bare != bare || l.blank != blank)
        fail("meaning", text, len);
}

/* Both take the text in the same random cuts, going on behind what they stop
 * at, and must agree at each stop. */
static void compare_counting(const char *text, size_t len)
{
    struct lines a = {.lf = LINES_LAST, .empty = LINES_LAST}, b = a;
    size_t at = 0;

    while (at < len) {
        size_t end = at + 1 + below(len - at);
        const char *stop = lines_take_plainly(&a, text + at, text + end);
        if (lines_take(&b, text + at, text + end) != stop ||
            memcmp(&a, &b, sizeof a) != 0)
            fail("counting", text, len);
        at = (size_t)(stop - text);
        if (at < end) {
            lines_take_letter(&a);
            lines_take_letter(&b);
            at++;
        }
    }
}

/* ---- expanding ---- */

static void compare_expanding(const char *text, size_t len, char *fence)
{
    static char plain[4 * LONGEST];
    struct expansion a = {.stuff = below(2) != 0, .previous = '\n'}, b = a;
    const char *from = text, *again = text, *end = text + len;

    while (from < end) {
        size_t room = EXPAND_ROOM + below(below(2) ? 3 * LONGEST : 100);
        char *to = fence - room;
        const char *cut = from + 1 + below((size_t)(end - from));
        size_t used = lines_expand_plainly(&a, &from, cut, plain, room);
        size_t more = 0;
        while (again < from && more < used)
            more += lines_expand(&b, &again, from, to + more, room - more);
        if (more != used || again != from || a.previous != b.previous ||
            a.dots != b.dots || memcmp(plain, to, used) != 0)
            fail("expansion", text, len);
    }
}

/* ---- checksums ---- */

static void compare_checksums(const char *text, size_t len)
{
    struct checksum pieces;

    checksum_start(&pieces);
    for (size_t at = 0, part; at < len; at += part) {
        part = 1 + below(len - at);
        checksum_add(&pieces, text + at, part);
    }
    uint64_t whole = XXH3_64bits(text, len);
    if (checksum_of(text, len) != whole || checksum_end(&pieces) != whole)
        fail("checksum", text, len);
}

int main(void)
{
    char *text_end = fenced(), *fence = fenced();

    for (int round = 0; round < ROUNDS; round++) {
        size_t len = below(LONGEST) + 1;
        char *text = text_end - len;
        fill(text, len);
        check_meaning(text, len);
        compare_counting(text, len);
        compare_expanding(text, len, fence);
        compare_checksums(text, len);
    }
    for (size_t len = 1; len < PAGES; len += 1 + below(200))
        compare_checksums(text_end - len, len);
    return 0;
}
