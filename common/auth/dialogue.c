/* SASL lines. Runs in auth's cage, as _restante; every octet of a line is the
 * client's. */

#include "auth/dialogue.h"
#include "base/base64.h"
#include "base/clock.h"
#include "rooms/contract.h"
#include "rooms/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT_OCTETS = BASE64_TEXT(DIALOGUE_OCTETS)
};

int dialogue_start(struct dialogue *d, int front)
{
    *d = (struct dialogue){.front = front, .text = malloc(TEXT_OCTETS)};
    return d->text == NULL ? -1 : 0;
}

/* Gathers the pieces of one line. What is beyond the limit is dropped and
 * makes all of it garbage. */
static enum said gather(struct dialogue *d, struct slice *line, bool *initial)
{
    struct frame f;
    size_t len = 0;
    bool fits = true;

    do {
        int got =
            frame_receive(d->front, ROOM_AUTH, PHASE_DIALOGUE, CLOCK_NEVER, &f);
        if (got < 0 && errno == EPROTO)
            _exit(EXIT_OWNED);
        if (got != 1)
            return SAID_GONE;
        fits = fits && f.piece.size <= TEXT_OCTETS - len;
        if (fits) {
            memcpy(d->text + len, f.piece.octets, f.piece.size);
            len += f.piece.size;
        }
    } while (f.piece.more != 0);
    d->asked_at = clock_ms();
    *line = (struct slice){d->text, len};
    *initial = f.piece.initial != 0;
    explicit_bzero(&f, sizeof f);
    return fits ? SAID_OCTETS : SAID_GARBAGE;
}

/* In place: what is written never overtakes what is read. */
static enum said decode(struct dialogue *d, struct slice line,
                        struct slice *octets)
{
    size_t len;

    if (base64_decode(line, d->text, DIALOGUE_OCTETS, &len) < 0)
        return SAID_GARBAGE;
    *octets = (struct slice){d->text, len};
    return SAID_OCTETS;
}

static bool is(struct slice line, const char *text)
{
    return line.len == strlen(text) && memcmp(line.at, text, line.len) == 0;
}

enum said dialogue_begin(struct dialogue *d, struct slice *octets)
{
    struct slice line;
    bool initial;
    enum said said = gather(d, &line, &initial);

    *octets = (struct slice){d->text, 0};
    if (said != SAID_OCTETS)
        return said;
    if (!initial)
        return SAID_NOTHING;
    return is(line, "=") ? SAID_OCTETS : decode(d, line, octets);
}

/* Sends octets as pieces of one base64 line. Three of them are four of its. */
static void send_challenge(const struct dialogue *d, struct slice octets)
{
    struct frame f;

    do {
        size_t most = (size_t)PIECE_OCTETS / 4 * 3;
        size_t len = octets.len < most ? octets.len : most;
        frame_make(&f, FRAME_CHALLENGE);
        f.piece.size = (uint32_t)base64_encode((struct slice){octets.at, len},
                                               f.piece.octets);
        octets.at += len;
        octets.len -= len;
        f.piece.more = octets.len > 0;
        frame_send(d->front, &f); /* front's end shows at the next receive */
    } while (octets.len > 0);
}

enum said dialogue_ask(struct dialogue *d, struct slice challenge,
                       struct slice *response)
{
    struct slice line;
    bool initial;

    send_challenge(d, challenge);
    enum said said = gather(d, &line, &initial);
    if (said != SAID_OCTETS)
        return said;
    return is(line, "*") ? SAID_CANCEL : decode(d, line, response);
}

enum said dialogue_client_first(struct dialogue *d, struct slice *response)
{
    enum said said = dialogue_begin(d, response);

    return said == SAID_NOTHING ? dialogue_ask(d, slice_of(""), response)
                                : said;
}

enum said dialogue_server_first(struct dialogue *d, struct slice challenge,
                                struct slice *response)
{
    enum said said = dialogue_begin(d, response);

    if (said == SAID_OCTETS)
        return SAID_GARBAGE;
    return said == SAID_NOTHING ? dialogue_ask(d, challenge, response) : said;
}

void dialogue_end(struct dialogue *d)
{
    if (d->text != NULL)
        explicit_bzero(d->text, TEXT_OCTETS);
    free(d->text);
    d->text = NULL;
}
