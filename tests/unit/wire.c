/*
 * The wire encoder against a plain reference, octet by octet, for every short
 * message over an alphabet of all octets that matter, in every cut of its
 * input, with and without stuffing, and for every line limit.
 */

#include "net/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST = 6,
    OUT = 64
};

static const char alphabet[] = {'a', '.', '\r', '\n'};

/* RFC 1939 said plainly. Returns the octets written. */
static size_t reference(const char *in, size_t len, bool stuff, uint64_t limit,
                        char *out)
{
    size_t n = 0, line = 0;
    bool body = false;

    while (line < len) {
        if (body && limit != WIRE_ALL_LINES && limit-- == 0)
            return n;
        size_t end = line;
        while (end < len && in[end] != '\n')
            end++;
        size_t text = end;
        if (end < len && text > line && in[text - 1] == '\r')
            text--;
        if (stuff && in[line] == '.')
            out[n++] = '.';
        memcpy(out + n, in + line, text - line);
        n += text - line;
        out[n++] = '\r';
        out[n++] = '\n';
        if (text == line)
            body = true;
        line = end + 1;
    }
    return n;
}

static size_t encode(const char *in, size_t len, size_t cut, bool stuff,
                     uint64_t limit, char *out)
{
    const size_t ends[] = {cut, len};
    struct wire w;
    size_t n = 0;

    wire_start(&w, stuff, limit);
    const char *from = in;
    for (int part = 0; part < 2; part++)
        while (from < in + ends[part] && !w.done)
            n += wire_encode(&w, &from, in + ends[part], out + n, 5);
    if (!w.done)
        n += wire_finish(&w, out + n);
    return n;
}

static void show(const char *octets, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fprintf(stderr, octets[i] < ' ' ? "\\%d" : "%c", octets[i]);
    fputc('\n', stderr);
}

static void compare(const char *in, size_t len, size_t cut, bool stuff,
                    uint64_t limit)
{
    char want[OUT], got[OUT];
    size_t a = reference(in, len, stuff, limit, want);
    size_t b = encode(in, len, cut, stuff, limit, got);

    if (a == b && memcmp(want, got, a) == 0)
        return;
    fprintf(stderr, "cut %zu stuff %d limit %d\n", cut, stuff, (int)limit);
    show(in, len);
    show(want, a);
    show(got, b);
    exit(1);
}

static void try_all(char *in, size_t len)
{
    static const uint64_t limits[] = {WIRE_ALL_LINES, 0, 1, 2};

    for (size_t cut = 0; cut <= len; cut++)
        for (int i = 0; i < 8; i++)
            compare(in, len, cut, i & 1, limits[i / 2]);
    if (len == LONGEST)
        return;
    for (size_t i = 0; i < sizeof alphabet; i++) {
        in[len] = alphabet[i];
        try_all(in, len + 1);
    }
}

int main(void)
{
    char in[LONGEST];

    try_all(in, 0);
    return 0;
}
