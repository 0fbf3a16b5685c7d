/*
 * KERBEROS_V4: what the client's two messages say, and whether it is true.
 * Runs in auth-kerberos4, as _restante in its cage; every octet is hostile,
 * also behind the encryption: PCBC does not notice much.
 */

#include "auth/kerberos4.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    PROTOCOL_VERSION = 4,
    TYPE_REQUEST = 3 << 1, /* AP-REQ; the lowest bit is the byte order */
    TYPE_LITTLE = 1,
    TICKET_LITTLE = 1,   /* in the ticket's flags */
    LAYER_NONE = 1,      /* the only layer there is here */
    MESSAGE_MAX = 248,   /* the longest ticket that its octet can say */
    CHOICE_HEADER = 8,   /* challenge, layer, buffer size */
    CHOICE_MAX = 8 + 256 /* ... and a name of 255 octets, with its NUL */
};

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
};

static bool take(struct reader *r, void *to, size_t len)
{
    if (r->left < len)
        return false;
    memcpy(to, r->at, len);
    r->at += len;
    r->left -= len;
    return true;
}

static bool take_octet(struct reader *r, uint8_t *octet)
{
    return take(r, octet, 1);
}

/* A string with its NUL, at most KERBEROS4_NAME octets. */
static bool take_name(struct reader *r, char name[KERBEROS4_NAME])
{
    size_t most = r->left;

    if (most == 0)
        return false;
    if (most > KERBEROS4_NAME)
        most = KERBEROS4_NAME;
    const uint8_t *nul = memchr(r->at, '\0', most);
    return nul != NULL && take(r, name, (size_t)(nul - r->at) + 1);
}

static bool take_number(struct reader *r, bool little, uint32_t *number)
{
    uint8_t o[4];

    if (!take(r, o, sizeof o))
        return false;
    *number = little ? o[0] | (uint32_t)o[1] << 8 | (uint32_t)o[2] << 16 |
                           (uint32_t)o[3] << 24
                     : o[3] | (uint32_t)o[2] << 8 | (uint32_t)o[1] << 16 |
                           (uint32_t)o[0] << 24;
    return true;
}

/* An encrypted part: whole blocks, at least one. */
static bool take_blocks(struct reader *r, size_t len, const uint8_t **blocks)
{
    if (len == 0 || len % DES_OCTETS != 0 || r->left < len)
        return false;
    *blocks = r->at;
    r->at += len;
    r->left -= len;
    return true;
}

/* What is left of a decrypted part fills its last block, with anything. */
static bool is_padding(const struct reader *r)
{
    return r->left < DES_OCTETS;
}

/* ---- the parts ---- */

struct request {
    uint8_t version, type, kvno;
    char realm[KERBEROS4_NAME];
    uint8_t ticket_len, authenticator_len;
    const uint8_t *ticket, *authenticator;
};

static bool read_request(struct request *q, const uint8_t *octets, size_t len)
{
    struct reader r = {octets, len};

    return take_octet(&r, &q->version) && q->version == PROTOCOL_VERSION &&
           take_octet(&r, &q->type) &&
           (q->type & ~TYPE_LITTLE) == TYPE_REQUEST &&
           take_octet(&r, &q->kvno) && take_name(&r, q->realm) &&
           take_octet(&r, &q->ticket_len) &&
           take_octet(&r, &q->authenticator_len) &&
           take_blocks(&r, q->ticket_len, &q->ticket) &&
           take_blocks(&r, q->authenticator_len, &q->authenticator) &&
           r.left == 0;
}

struct identity4 {
    char name[KERBEROS4_NAME];
    char instance[KERBEROS4_NAME];
    char realm[KERBEROS4_NAME];
};

static bool take_identity(struct reader *r, struct identity4 *who)
{
    return take_name(r, who->name) && take_name(r, who->instance) &&
           take_name(r, who->realm);
}

struct ticket {
    uint8_t flags, life;
    struct identity4 client;
    uint8_t address[4];
    uint8_t session[DES_OCTETS];
    uint32_t issued;
    char service[KERBEROS4_NAME];
    char instance[KERBEROS4_NAME];
};

static bool read_ticket(struct ticket *t, const uint8_t *octets, size_t len)
{
    struct reader r = {octets, len};

    return take_octet(&r, &t->flags) && take_identity(&r, &t->client) &&
           take(&r, t->address, sizeof t->address) &&
           take(&r, t->session, sizeof t->session) &&
           take_octet(&r, &t->life) &&
           take_number(&r, (t->flags & TICKET_LITTLE) != 0, &t->issued) &&
           take_name(&r, t->service) && take_name(&r, t->instance) &&
           is_padding(&r);
}

struct authenticator {
    struct identity4 client;
    uint32_t checksum, time;
    uint8_t fraction; /* of a second, in 5 ms */
};

static bool read_authenticator(struct authenticator *a, bool little,
                               const uint8_t *octets, size_t len)
{
    struct reader r = {octets, len};

    return take_identity(&r, &a->client) &&
           take_number(&r, little, &a->checksum) &&
           take_octet(&r, &a->fraction) && take_number(&r, little, &a->time) &&
           is_padding(&r);
}

/* ---- the ticket ---- */

/* A ticket names the host as Kerberos 4 does, by its first label; the keytab
 * may have been written with the full name. */
static bool is_instance(const char *ours, const char *theirs)
{
    size_t len = strlen(theirs);

    if (strncmp(ours, theirs, len) != 0)
        return false;
    return ours[len] == '\0' ||
           (ours[len] == '.' && strchr(theirs, '.') == NULL);
}

static enum kerberos4_result open_with(const struct kerberos4_key *key,
                                       const struct request *q,
                                       struct ticket *t)
{
    uint8_t clear[MESSAGE_MAX];

    kerberos4_des_decrypt_pcbc(key->key, q->ticket, q->ticket_len, clear);
    bool sound = read_ticket(t, clear, q->ticket_len);
    explicit_bzero(clear, sizeof clear);
    if (!sound)
        return KERBEROS4_KEY;
    return strcmp(t->service, key->service) == 0 &&
                   is_instance(key->instance, t->instance)
               ? KERBEROS4_ACCEPTED
               : KERBEROS4_SERVICE;
}

/* Tries the keys that the request can mean. *key is the one that fits. */
static enum kerberos4_result open_ticket(const struct kerberos4_keys *keys,
                                         const struct request *q,
                                         struct ticket *t,
                                         const struct kerberos4_key **key)
{
    enum kerberos4_result nearest = KERBEROS4_KEY;

    for (size_t i = 0; i < keys->count; i++) {
        const struct kerberos4_key *k = &keys->key[i];
        if (k->version != q->kvno ||
            (q->realm[0] != '\0' && strcmp(q->realm, k->realm) != 0))
            continue;
        enum kerberos4_result result = open_with(k, q, t);
        if (result == KERBEROS4_ACCEPTED) {
            *key = k;
            return result;
        }
        if (result == KERBEROS4_SERVICE)
            nearest = result;
    }
    return nearest;
}

/* ---- the checks ---- */

/* No realm means the server's own. */
static void fill_realm(struct identity4 *who, const char *own)
{
    if (who->realm[0] == '\0')
        strcpy(who->realm, own);
}

static bool is_same(const struct identity4 *a, const struct identity4 *b)
{
    return strcmp(a->name, b->name) == 0 &&
           strcmp(a->instance, b->instance) == 0 &&
           strcmp(a->realm, b->realm) == 0;
}

static bool is_printable(const char *name)
{
    return name[0] != '\0' && !slice_has_control(slice_of(name));
}

/* Signed and wide, so that no difference of 32-bit times wraps. */
static enum kerberos4_result
check_times(const struct ticket *t, const struct authenticator *a, int64_t now)
{
    int64_t apart = now - (int64_t)a->time;
    int64_t age = now - (int64_t)t->issued;

    if (apart > KERBEROS4_SKEW || apart < -KERBEROS4_SKEW)
        return KERBEROS4_CLOCK;
    if (age < -KERBEROS4_SKEW || age > kerberos4_lifetime(t->life))
        return KERBEROS4_EXPIRED;
    return KERBEROS4_ACCEPTED;
}

static enum kerberos4_result check(const struct ticket *t,
                                   const struct authenticator *a,
                                   const char *realm, uint32_t challenge,
                                   int64_t now)
{
    if (!is_same(&t->client, &a->client))
        return KERBEROS4_NAMES;
    if (strcmp(t->client.realm, realm) != 0)
        return KERBEROS4_REALM;
    if (t->client.instance[0] != '\0')
        return KERBEROS4_INSTANCE;
    if (!is_printable(t->client.name))
        return KERBEROS4_USER;
    if (a->checksum != challenge)
        return KERBEROS4_CHALLENGE;
    return check_times(t, a, now);
}

static enum kerberos4_result hear_authenticator(struct kerberos4_client *client,
                                                const struct request *q,
                                                struct ticket *t,
                                                const char *realm, int64_t now)
{
    uint8_t clear[MESSAGE_MAX];
    struct authenticator a;

    kerberos4_des_decrypt_pcbc(t->session, q->authenticator,
                               q->authenticator_len, clear);
    if (!read_authenticator(&a, (q->type & TYPE_LITTLE) != 0, clear,
                            q->authenticator_len))
        return KERBEROS4_NAMES;
    fill_realm(&t->client, realm);
    fill_realm(&a.client, realm);
    return check(t, &a, realm, client->challenge, now);
}

enum kerberos4_result kerberos4_hear_request(struct kerberos4_client *client,
                                             const struct kerberos4_keys *keys,
                                             const uint8_t *octets, size_t len,
                                             int64_t now)
{
    const struct kerberos4_key *key = NULL;
    struct request q;
    struct ticket t;

    if (!read_request(&q, octets, len))
        return KERBEROS4_MALFORMED;
    enum kerberos4_result result = open_ticket(keys, &q, &t, &key);
    if (result == KERBEROS4_ACCEPTED) {
        memcpy(client->user, t.client.name, sizeof client->user);
        memcpy(client->realm, key->realm, sizeof client->realm);
        memcpy(client->address, t.address, sizeof client->address);
        memcpy(client->session, t.session, sizeof client->session);
        result = kerberos4_des_is_strong(t.session)
                     ? hear_authenticator(client, &q, &t, key->realm, now)
                     : KERBEROS4_KEY;
    }
    explicit_bzero(&t, sizeof t);
    return result;
}

/* ---- the layer and the user ---- */

static void put_number(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)(number >> 24);
    to[1] = (uint8_t)(number >> 16);
    to[2] = (uint8_t)(number >> 8);
    to[3] = (uint8_t)number;
}

void kerberos4_answer(const struct kerberos4_client *client,
                      uint8_t answer[DES_OCTETS])
{
    uint8_t clear[DES_OCTETS] = {0, 0, 0, 0, LAYER_NONE};

    put_number(clear, client->challenge + 1);
    kerberos4_des_encrypt(client->session, clear, answer);
}

/* Nobody acts for somebody else. No name means that of the ticket. */
static bool is_user(const char *ours, const char *said, const char *domains)
{
    size_t len = strlen(ours);

    if (said[0] == '\0')
        return true;
    if (strncmp(said, ours, len) != 0)
        return false;
    for (const char *d = domains; said[len] == '@' && *d != '\0';
         d += strlen(d) + 1)
        if (slice_is(slice_of(said + len + 1), d))
            return true;
    return said[len] == '\0';
}

static enum kerberos4_result check_choice(const struct kerberos4_client *client,
                                          const uint8_t *clear, size_t len,
                                          const char *domains)
{
    struct reader r = {clear, len};
    uint32_t challenge = 0;
    uint8_t layer = 0, buffer[3];

    if (!take_number(&r, false, &challenge) || challenge != client->challenge)
        return KERBEROS4_CHALLENGE;
    if (!take_octet(&r, &layer) || layer != LAYER_NONE)
        return KERBEROS4_LAYER;
    if (!take(&r, buffer, sizeof buffer) || memchr(r.at, '\0', r.left) == NULL)
        return KERBEROS4_MALFORMED;
    return is_user(client->user, (const char *)r.at, domains)
               ? KERBEROS4_ACCEPTED
               : KERBEROS4_USER;
}

enum kerberos4_result kerberos4_hear_choice(struct kerberos4_client *client,
                                            const uint8_t *octets, size_t len,
                                            const char *domains)
{
    uint8_t clear[CHOICE_MAX];

    /* A header, a name, and one to eight octets that fill the last block. */
    if (len <= CHOICE_HEADER || len > sizeof clear || len % DES_OCTETS != 0)
        return KERBEROS4_MALFORMED;
    kerberos4_des_decrypt_pcbc(client->session, octets, len, clear);
    enum kerberos4_result result = check_choice(client, clear, len, domains);
    explicit_bzero(clear, sizeof clear);
    return result;
}

/* ---- lifetimes ---- */

enum {
    LIFE_UNIT = 300,   /* seconds, for the short lifetimes */
    LIFE_LONG = 128,   /* from here on they grow by the factor of a table */
    LIFE_LONGEST = 191 /* 30 days, and so is everything beyond */
};

/* From 38400 seconds to 30 days, in 63 equal factors. */
static const int32_t long_lifetimes[LIFE_LONGEST - LIFE_LONG + 1] = {
    38400,   41055,   43894,   46929,   50174,   53643,   57352,   61318,
    65558,   70091,   74937,   80119,   85658,   91581,   97914,   104684,
    111922,  119661,  127935,  136781,  146239,  156350,  167161,  178720,
    191077,  204289,  218415,  233517,  249664,  266926,  285383,  305116,
    326213,  348769,  372885,  398668,  426234,  455705,  487215,  520904,
    556921,  595430,  636601,  680618,  727680,  777995,  831789,  889303,
    950794,  1016537, 1086825, 1161973, 1242318, 1328218, 1420057, 1518247,
    1623226, 1735464, 1855462, 1983758, 2120925, 2267576, 2424367, 2592000,
};

int64_t kerberos4_lifetime(uint8_t life)
{
    if (life < LIFE_LONG)
        return (int64_t)life * LIFE_UNIT;
    return long_lifetimes[(life < LIFE_LONGEST ? life : LIFE_LONGEST) -
                          LIFE_LONG];
}

/* ---- for the log ---- */

bool kerberos4_is_elsewhere(const struct kerberos4_client *client,
                            const char *peer)
{
    static const uint8_t anywhere[4] = {0};
    uint8_t four[4], six[16];

    if (memcmp(client->address, anywhere, sizeof anywhere) == 0)
        return false;
    if (inet_pton(AF_INET, peer, four) == 1)
        return memcmp(four, client->address, sizeof four) != 0;
    return inet_pton(AF_INET6, peer, six) == 1;
}

const char *kerberos4_result_text(enum kerberos4_result result)
{
    static const char *const texts[KERBEROS4_RESULTS] = {
        [KERBEROS4_ACCEPTED] = "accepted", [KERBEROS4_MALFORMED] = "malformed",
        [KERBEROS4_KEY] = "key",           [KERBEROS4_SERVICE] = "service",
        [KERBEROS4_NAMES] = "names",       [KERBEROS4_REALM] = "realm",
        [KERBEROS4_INSTANCE] = "instance", [KERBEROS4_CHALLENGE] = "challenge",
        [KERBEROS4_CLOCK] = "clock",       [KERBEROS4_EXPIRED] = "expired",
        [KERBEROS4_LAYER] = "layer",       [KERBEROS4_USER] = "user",
    };

    return texts[result];
}
