/*
 * KERBEROS_V4. The first octet says what the others are: a request as the
 * client sends it, the clear text of ticket and authenticator, that of a
 * choice, or a srvtab. Clear text is encrypted here, so that the fuzzer gets
 * behind the encryption.
 */

#include "auth/kerberos4.h"
#include "target.h"

#include <nettle/des.h>
#include <stdbool.h>
#include <string.h>

enum {
    NOW = 0x6b042ebd,
    CHALLENGE = 0x68ec76b8,
    PART_MAX = 248
};

static const struct kerberos4_key service = {
    .service = "pop",
    .instance = "localhost",
    .realm = "TEST.EXAMPLE",
    .version = 3,
    .key = {0x4a, 0xc2, 0x25, 0x3e, 0xd5, 0x4c, 0x64, 0xf4}};

/* Fills the last block with zeros and encrypts. Returns the octets written. */
static size_t encrypt(const uint8_t *key, const uint8_t *clear, size_t len,
                      uint8_t *out)
{
    struct des_ctx des;
    uint8_t chain[8], block[8];
    size_t at;

    des_set_key(&des, key);
    memcpy(chain, key, 8);
    for (at = 0; at < len; at += 8) {
        memset(block, 0, 8);
        memcpy(block, clear + at, len - at < 8 ? len - at : 8);
        for (size_t i = 0; i < 8; i++)
            chain[i] ^= block[i];
        des_encrypt(&des, 8, out + at, chain);
        for (size_t i = 0; i < 8; i++)
            chain[i] = block[i] ^ out[at + i];
    }
    return at;
}

static void hear_request(const uint8_t *octets, size_t size)
{
    struct kerberos4_client client = {.challenge = CHALLENGE};
    struct kerberos4_keys keys;

    kerberos4_keys_begin(&keys, "pop");
    MUST(kerberos4_keys_add(&keys, &service) == 0);
    enum kerberos4_result result =
        kerberos4_hear_request(&client, &keys, octets, size, NOW);
    MUST(result < KERBEROS4_RESULTS);
    MUST(memchr(client.user, '\0', sizeof client.user) != NULL);
    MUST(result != KERBEROS4_ACCEPTED || client.user[0] >= ' ');
    MUST(result != KERBEROS4_ACCEPTED ||
         strcmp(client.realm, service.realm) == 0);
}

/* The octets behind the first are the ticket's length, ticket, authenticator;
 * the authenticator's key is where an honest ticket would have it. */
static void hear_clear(const uint8_t *octets, size_t size)
{
    static const uint8_t head[] = "\4\6\3TEST.EXAMPLE";
    uint8_t request[sizeof head + 2 + 2 * (PART_MAX + 8)];
    size_t ticket = size > 0 ? octets[0] % PART_MAX : 0, key = 25;

    if (size < 1 + ticket || size - 1 - ticket > PART_MAX || ticket < key + 8)
        return;
    memcpy(request, head, sizeof head);
    uint8_t *part = request + sizeof head + 2;
    size_t one = encrypt(service.key, octets + 1, ticket, part);
    size_t two = encrypt(octets + 1 + key, octets + 1 + ticket,
                         size - 1 - ticket, part + one);
    request[sizeof head] = (uint8_t)one;
    request[sizeof head + 1] = (uint8_t)two;
    hear_request(request, sizeof head + 2 + one + two);
}

static void hear_choice(const uint8_t *octets, size_t size)
{
    struct kerberos4_client client = {
        .challenge = CHALLENGE, .user = "alice", .session = "SESSION"};
    uint8_t choice[512];

    kerberos4_hear_choice(&client, octets, size, "");
    if (size > sizeof choice - 8)
        return;
    size_t len = encrypt(client.session, octets, size, choice);
    enum kerberos4_result result =
        kerberos4_hear_choice(&client, choice, len, "a\0example.org\0");
    MUST(result != KERBEROS4_ACCEPTED || (len >= 16 && octets[4] == 1));
    MUST(kerberos4_hear_choice(&client, choice, len + 1, "") ==
         KERBEROS4_MALFORMED);
}

static void read_srvtab(const uint8_t *octets, size_t size)
{
    struct kerberos4_keys keys;

    kerberos4_keys_begin(&keys, "pop imap");
    if (kerberos4_keys_read_srvtab(&keys, octets, size) == 0)
        MUST(keys.count * (5 + 9) <= size);
    MUST(keys.count <= KERBEROS4_KEYS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const uint8_t *, size_t) = {
        hear_request, hear_clear, hear_choice, read_srvtab};

    if (size > 0)
        parts[data[0] % 4](data + 1, size - 1);
    return 0;
}
