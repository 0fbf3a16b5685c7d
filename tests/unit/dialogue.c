/* SASL lines between front and auth: 64 KiB arrive whole, one octet more is
 * garbage, and what is said without octets is told apart. */

#include "auth/dialogue.h"
#include "base/base64.h"
#include "base/clock.h"
#include "rooms/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

static void must(const char *what, bool good)
{
    if (good)
        return;
    printf("%s\n", what);
    failures++;
}

/* Says a line as front does, in its pieces; from another process, since a wire
 * holds only so much. */
static void say(const struct front *f, struct slice line, bool initial)
{
    if (fork() != 0)
        return;
    do {
        size_t len = line.len < PIECE_OCTETS ? line.len : PIECE_OCTETS;
        struct slice piece = {line.at, len};
        line.at += len;
        line.len -= len;
        front_say(f, piece, initial, line.len > 0);
    } while (line.len > 0);
    _exit(0);
}

/* What a response of so many octets becomes. */
static void test_size(const struct front *f, struct dialogue *d, size_t len,
                      enum said expected)
{
    char *octets = malloc(len), *text = malloc(BASE64_TEXT(len));
    struct slice got = {NULL, 0};

    for (size_t i = 0; i < len; i++)
        octets[i] = (char)(i * 7 + i / 251);
    size_t text_len = base64_encode((struct slice){octets, len}, text);
    say(f, (struct slice){text, text_len}, true);
    char what[64];
    snprintf(what, sizeof what, "%zu octets", len);
    must(what, dialogue_begin(d, &got) == expected);
    if (expected == SAID_OCTETS)
        must(what, got.len == len && memcmp(got.at, octets, len) == 0);
    free(octets);
    free(text);
}

static void test_words(const struct front *f, struct dialogue *d)
{
    struct slice got;

    say(f, slice_of(""), false);
    must("no initial response", dialogue_begin(d, &got) == SAID_NOTHING);
    say(f, slice_of("="), true);
    must("an empty one",
         dialogue_begin(d, &got) == SAID_OCTETS && got.len == 0);
    say(f, slice_of("*"), true);
    must("* is no initial response", dialogue_begin(d, &got) == SAID_GARBAGE);
    say(f, slice_of("*"), false);
    must("*", dialogue_ask(d, slice_of("x"), &got) == SAID_CANCEL);
    say(f, slice_of("="), false);
    must("= is no response",
         dialogue_ask(d, slice_of("x"), &got) == SAID_GARBAGE);
    say(f, slice_of(""), false);
    must("an empty line",
         dialogue_ask(d, slice_of("x"), &got) == SAID_OCTETS && got.len == 0);
    say(f, slice_of(" eA=="), false);
    must("a space", dialogue_ask(d, slice_of("x"), &got) == SAID_GARBAGE);
}

/* A challenge longer than a frame is one line of base64. */
static void test_challenge(const struct front *f, struct dialogue *d)
{
    static char octets[10000], text[BASE64_TEXT(10000)], line[16384];
    struct frame frame;
    struct slice got;
    size_t len = 0;

    memset(octets, 'c', sizeof octets);
    say(f, slice_of(""), false);
    must("answer", dialogue_ask(d, (struct slice){octets, sizeof octets},
                                &got) == SAID_OCTETS);
    do {
        must("piece", frame_receive(f->auth, ROOM_FRONT, PHASE_DIALOGUE,
                                    clock_in_seconds(5), &frame) == 1);
        memcpy(line + len, frame.piece.octets, frame.piece.size);
        len += frame.piece.size;
    } while (frame.piece.more != 0);
    size_t expected =
        base64_encode((struct slice){octets, sizeof octets}, text);
    must("challenge", len == expected && memcmp(line, text, len) == 0);
}

int main(void)
{
    struct dialogue d;
    struct front f = {.monitor = -1, .keeper = -1};
    int ends[2];

    if (frame_wire(ends) < 0 || dialogue_start(&d, ends[1]) < 0)
        return 1;
    f.auth = ends[0];
    test_size(&f, &d, 1, SAID_OCTETS);
    test_size(&f, &d, 3072, SAID_OCTETS);
    test_size(&f, &d, 3073, SAID_OCTETS);
    test_size(&f, &d, DIALOGUE_OCTETS, SAID_OCTETS);
    test_size(&f, &d, DIALOGUE_OCTETS + 3, SAID_GARBAGE);
    test_size(&f, &d, DIALOGUE_OCTETS * 2, SAID_GARBAGE);
    test_challenge(&f, &d);
    test_words(&f, &d);
    close(ends[0]);
    struct slice got;
    must("front has gone", dialogue_begin(&d, &got) == SAID_GONE);
    return failures == 0 ? 0 : 1;
}
