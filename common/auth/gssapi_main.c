/*
 * The auth-gssapi program: GSSAPI alone (RFC 4752, Kerberos 5), so that no
 * other login loads its libraries. How it lives is in room.c. The keytab is
 * copied into memory as whoever started the daemon; the client's tokens are
 * read in the cage; whether a principal may be that user is asked as the user.
 */

#include "auth/gssapi.h"
#include "auth/room.h"
#include "auth/userok.h"
#include "rooms/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file in which used tickets are remembered, beside the users'
 * directories; no user's name begins with a full stop. */
static int name_replays(const struct auth_room *r, char *path, size_t size)
{
    int len = snprintf(path, size, "%s/.replays", r->order->state);

    return r->order->state[0] != '\0' && len > 0 && (size_t)len < size ? 0 : -1;
}

static int load(struct auth_room *r)
{
    struct gssapi *g = calloc(1, sizeof *g);
    char replays[TEXT_PATH + 16];

    if (g == NULL)
        return -1;
    r->key = g;
    if (name_replays(r, replays, sizeof replays) < 0)
        replays[0] = '\0';
    return gssapi_load(g, r->order->key, replays);
}

/* The file is made by _restante, whose it must be, before the cage lets nobody
 * make one. */
static int cage(struct auth_room *r)
{
    struct gssapi *g = r->key;
    char replays[TEXT_PATH + 16];
    int fd = -1;

    if (name_replays(r, replays, sizeof replays) == 0)
        fd = open(replays, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    g->remembers = fd >= 0;
    int result = sandbox_gssapi(fd);
    if (fd >= 0)
        close(fd);
    return result;
}

/* No layer, whatever else the client could do: one octet that says so, and no
 * buffer. */
static const char no_layer[4] = {1, 0, 0, 0};

/* The client's choice: the layer, a size, and perhaps the name to act as. */
static void take_choice(struct auth_room *r, struct proof *proof,
                        struct slice choice)
{
    if (choice.len < sizeof no_layer || choice.at[0] != no_layer[0])
        return;
    struct slice acts_as = {choice.at + 4, choice.len - 4};
    if (acts_as.len == 0 || proof_take_name(proof, r->order, acts_as) == 0)
        proof->outcome = OUTCOME_ACCEPTED;
}

static void negotiate(struct auth_room *r, struct proof *proof)
{
    struct gssapi *g = r->key;
    struct slice octets = {NULL, 0}, plain;
    enum said said = SAID_GARBAGE;

    if (gssapi_wrap(g, (struct slice){no_layer, sizeof no_layer}, &plain) == 0)
        said = dialogue_ask(&r->dialogue, plain, &octets);
    proof->outcome = proof_of_silence(said);
    if (said == SAID_OCTETS && gssapi_unwrap(g, octets, &plain) == 0)
        take_choice(r, proof, plain);
}

/* Tokens go to and fro until the library knows who it is. */
static enum said establish(struct auth_room *r, struct proof *proof)
{
    struct gssapi *g = r->key;
    struct slice token, answer;
    enum said said = dialogue_client_first(&r->dialogue, &token);

    while (said == SAID_OCTETS) {
        enum gssapi_step step =
            gssapi_accept(g, token, &answer, &proof->remark);
        if (step == GSSAPI_REFUSED)
            return SAID_GARBAGE;
        if (step == GSSAPI_DONE && answer.len == 0)
            return SAID_OCTETS;
        said = dialogue_ask(&r->dialogue, answer, &token);
        if (step == GSSAPI_DONE && said == SAID_OCTETS)
            return token.len == 0 ? SAID_OCTETS : SAID_GARBAGE;
    }
    return said;
}

static void converse(struct auth_room *r, struct proof *proof)
{
    struct gssapi *g = r->key;

    if (!g->remembers) { /* a ticket could be used by whoever overhears it */
        struct slice ignored;
        dialogue_client_first(&r->dialogue, &ignored);
        proof->outcome = OUTCOME_UNAVAILABLE;
        proof->remark = REMARK_NO_REPLAYS;
        return;
    }
    enum said said = establish(r, proof);
    proof->outcome = proof_of_silence(said);
    if (said != SAID_OCTETS ||
        gssapi_name(g, proof->principal, sizeof proof->principal) < 0)
        return;
    snprintf(proof->claimed, sizeof proof->claimed, "%.*s", TEXT_USER - 1,
             proof->principal);
    negotiate(r, proof);
}

/* Who names nobody is who the rules say. */
static enum outcome name(struct auth_room *r, struct proof *proof)
{
    char local[TEXT_USER];

    gssapi_forget_key(r->key);
    if (proof->name[0] != '\0')
        return OUTCOME_ACCEPTED;
    enum outcome outcome = userok_name(proof->principal, r->order, local);
    if (outcome != OUTCOME_ACCEPTED)
        return outcome;
    return proof_take_name(proof, r->order, slice_of(local)) == 0
               ? OUTCOME_ACCEPTED
               : OUTCOME_REFUSED;
}

static enum outcome authorize(struct auth_room *r, const struct proof *proof,
                              struct frame_decision *account)
{
    (void)r;
    enum outcome outcome = userok(proof->principal, account);
    if (outcome == OUTCOME_REFUSED)
        account->remark = REMARK_PRINCIPAL;
    return outcome;
}

static const struct auth_row rows[] = {
    {MECHANISM_GSSAPI, load, cage, converse, name, authorize},
};

int main(void)
{
    auth_room_live(rows, sizeof rows / sizeof *rows);
}
