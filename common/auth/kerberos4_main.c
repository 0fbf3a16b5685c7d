/*
 * The auth-kerberos4 program: KERBEROS_V4 alone, so that no other login loads
 * libkrb5 and DES. How it lives is in room.c: the key file is read as whoever
 * started the daemon, the client is heard in the cage.
 */

#include "auth/kerberos4.h"
#include "auth/room.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int load(struct auth_room *r)
{
    struct kerberos4_keys *keys = malloc(sizeof *keys);

    if (keys == NULL)
        return -1;
    kerberos4_keys_begin(keys, r->order->services);
    r->key = keys;
    return kerberos4_keys_load(keys, r->order->key);
}

static enum remark remark_of(enum kerberos4_result result)
{
    switch (result) {
    case KERBEROS4_KEY:
        return REMARK_TICKET_KEY;
    case KERBEROS4_SERVICE:
        return REMARK_TICKET_SERVICE;
    case KERBEROS4_REALM:
        return REMARK_TICKET_REALM;
    case KERBEROS4_CLOCK:
        return REMARK_TICKET_CLOCK;
    case KERBEROS4_EXPIRED:
        return REMARK_TICKET_EXPIRED;
    default:
        return REMARK_NONE;
    }
}

/* Takes the ticket's user, who may be no more than himself. */
static void take_user(const struct kerberos4_client *client,
                      struct proof *proof)
{
    strcpy(proof->claimed, client->user);
    strcpy(proof->name, client->user);
}

static enum kerberos4_result hear_request(struct auth_room *r,
                                          struct kerberos4_client *client,
                                          struct slice octets,
                                          struct proof *proof)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    enum kerberos4_result result = kerberos4_hear_request(
        client, r->key, (const uint8_t *)octets.at, octets.len, now.tv_sec);
    take_user(client, proof);
    proof->remark = remark_of(result);
    return result;
}

static void accept(const struct auth_room *r,
                   const struct kerberos4_client *client, struct proof *proof)
{
    proof->outcome = OUTCOME_ACCEPTED;
    if (!kerberos4_is_elsewhere(client, r->order->peer))
        return;
    proof->remark = REMARK_TICKET_ADDRESS;
    memcpy(proof->remark_address, client->address,
           sizeof proof->remark_address);
}

/* The second turn: a layer and a user, under the session key. */
static void choose(struct auth_room *r, struct kerberos4_client *client,
                   struct proof *proof)
{
    uint8_t answer[DES_OCTETS];
    struct slice octets;

    kerberos4_answer(client, answer);
    enum said said = dialogue_ask(
        &r->dialogue, (struct slice){(const char *)answer, sizeof answer},
        &octets);
    if (said != SAID_OCTETS)
        proof->outcome = proof_of_silence(said);
    else if (kerberos4_hear_choice(client, (const uint8_t *)octets.at,
                                   octets.len,
                                   r->order->domains) == KERBEROS4_ACCEPTED)
        accept(r, client, proof);
}

static void converse(struct auth_room *r, struct proof *proof)
{
    struct kerberos4_client client = {.challenge = 0};
    uint8_t challenge[4];
    struct slice octets;

    if (getrandom(challenge, sizeof challenge, 0) != sizeof challenge) {
        proof->outcome = OUTCOME_UNAVAILABLE;
        return;
    }
    client.challenge = (uint32_t)challenge[0] << 24 |
                       (uint32_t)challenge[1] << 16 |
                       (uint32_t)challenge[2] << 8 | challenge[3];
    enum said said = dialogue_server_first(
        &r->dialogue, (struct slice){(const char *)challenge, sizeof challenge},
        &octets);
    if (said != SAID_OCTETS)
        proof->outcome = proof_of_silence(said);
    else if (hear_request(r, &client, octets, proof) == KERBEROS4_ACCEPTED)
        choose(r, &client, proof);
    explicit_bzero(&client, sizeof client);
}

static const struct auth_row rows[] = {
    {MECHANISM_KERBEROS_V4, load, NULL, converse, NULL, NULL},
};

int main(void)
{
    auth_room_live(rows, sizeof rows / sizeof *rows);
}
