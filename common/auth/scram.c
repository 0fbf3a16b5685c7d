/* SCRAM's messages and the exchange. Runs in auth's cage; the messages are the
 * client's. */

#include "auth/scram.h"
#include "auth/mechanisms.h"
#include "base/base64.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* ---- the client's first message ---- */

/* Cuts "X=value" off the front, with the comma behind it. Returns -1 when
 * something else stands there. */
static int cut_attribute(struct slice *rest, char name, struct slice *value)
{
    if (rest->len < 2 || rest->at[0] != name || rest->at[1] != '=')
        return -1;
    const char *comma = memchr(rest->at, ',', rest->len);
    size_t len = comma != NULL ? (size_t)(comma - rest->at) : rest->len;
    *value = (struct slice){rest->at + 2, len - 2};
    size_t taken = len + (comma != NULL);
    rest->at += taken;
    rest->len -= taken;
    return 0;
}

/* Undoes "=2C" and "=3D" into to. Returns -1 for any other "=". */
static int unescape(struct slice name, char *to, struct slice *plain)
{
    size_t len = 0;

    for (size_t i = 0; i < name.len; i++) {
        char octet = name.at[i];
        if (octet == '=') {
            if (name.len - i < 3)
                return -1;
            if (memcmp(name.at + i, "=2C", 3) == 0)
                octet = ',';
            else if (memcmp(name.at + i, "=3D", 3) != 0)
                return -1;
            i += 2;
        }
        to[len++] = octet;
    }
    *plain = (struct slice){to, len};
    return 0;
}

/* "n" or "y", a comma, perhaps a name to act as, a comma. We offer no channel
 * binding, so "y" is as good as "n". */
static int cut_header(struct scram *s, struct slice *rest)
{
    struct slice acts_as;

    if (rest->len < 3 || (rest->at[0] != 'n' && rest->at[0] != 'y') ||
        rest->at[1] != ',')
        return -1;
    rest->at += 2;
    rest->len -= 2;
    if (rest->at[0] == ',') {
        rest->at++;
        rest->len--;
        return 0;
    }
    if (cut_attribute(rest, 'a', &acts_as) < 0 || acts_as.len == 0)
        return -1;
    return unescape(acts_as, s->names, &s->acts_as);
}

static bool is_nonce(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x21 || text.at[i] > 0x7e)
            return false;
    return text.len > 0 && text.len <= SCRAM_NONCE_MOST;
}

int scram_take_first(struct scram *s, struct slice message)
{
    struct slice rest, user, nonce;

    if (message.len > sizeof s->first)
        return -1;
    memcpy(s->first, message.at, message.len);
    s->first_len = message.len;
    s->acts_as = s->user = (struct slice){s->names, 0};
    rest = (struct slice){s->first, s->first_len};
    if (cut_header(s, &rest) < 0)
        return -1;
    s->header_len = (size_t)(rest.at - s->first);
    if (cut_attribute(&rest, 'n', &user) < 0 ||
        unescape(user, s->names + s->acts_as.len, &s->user) < 0 ||
        cut_attribute(&rest, 'r', &nonce) < 0 || !is_nonce(nonce))
        return -1;
    memcpy(s->nonce, nonce.at, nonce.len);
    s->nonce_len = nonce.len;
    return 0;
}

/* ---- the server's ---- */

void scram_make_second(struct scram *s, const char *ours)
{
    char salt[BASE64_TEXT(SCRAM_SALT_MOST)];
    size_t len = strlen(ours);

    if (len > SCRAM_NONCE_MOST)
        len = SCRAM_NONCE_MOST;
    memcpy(s->nonce + s->nonce_len, ours, len);
    s->nonce_len += len;
    size_t salt_len = base64_encode(
        (struct slice){(const char *)s->keys.salt, s->keys.salt_len}, salt);
    s->second_len = (size_t)snprintf(
        s->second, sizeof s->second, "r=%.*s,s=%.*s,i=%u", (int)s->nonce_len,
        s->nonce, (int)salt_len, salt, (unsigned)s->keys.iterations);
}

/* ---- the client's proof ---- */

/* The binding must say again what the header said. */
static bool repeats_header(const struct scram *s, struct slice binding)
{
    char header[SCRAM_FIRST_MOST];
    size_t len;

    return base64_decode(binding, header, sizeof header, &len) == 0 &&
           len == s->header_len && memcmp(header, s->first, len) == 0;
}

/* Splits the last message: all before ",p=", and the proof. */
static int split_final(const struct scram *s, struct slice message,
                       struct slice *without_proof, unsigned char *proof)
{
    struct slice binding, nonce, rest = message;
    char octets[DIGEST_MOST];
    size_t len;

    if (cut_attribute(&rest, 'c', &binding) < 0 ||
        !repeats_header(s, binding) || cut_attribute(&rest, 'r', &nonce) < 0 ||
        nonce.len != s->nonce_len || memcmp(nonce.at, s->nonce, nonce.len) != 0)
        return -1;
    const char *at = memrchr(message.at, ',', message.len);
    if (at == NULL)
        return -1;
    *without_proof = (struct slice){message.at, (size_t)(at - message.at)};
    rest = (struct slice){at + 1, message.len - without_proof->len - 1};
    if (rest.len < 2 || memcmp(rest.at, "p=", 2) != 0 ||
        base64_decode((struct slice){rest.at + 2, rest.len - 2}, octets,
                      sizeof octets, &len) < 0 ||
        len != digest_octets(s->hash->digest))
        return -1;
    memcpy(proof, octets, len);
    return 0;
}

bool scram_check_proof(struct scram *s, struct slice message,
                       unsigned char *signature)
{
    enum digest digest = s->hash->digest;
    size_t octets = digest_octets(digest);
    unsigned char key[DIGEST_MOST], mask[DIGEST_MOST], stored[DIGEST_MOST];
    struct slice without_proof;

    if (split_final(s, message, &without_proof, key) < 0)
        return false;
    const struct slice said[] = {
        {s->first + s->header_len, s->first_len - s->header_len},
        {",", 1},
        {s->second, s->second_len},
        {",", 1},
        without_proof};
    scram_keys_make(s->hash, &s->keys);
    const struct slice stored_key = {(const char *)s->keys.stored, octets};
    const struct slice server_key = {(const char *)s->keys.server, octets};
    digest_hmac(digest, stored_key, said, 5, mask);
    for (size_t i = 0; i < octets; i++)
        key[i] ^= mask[i];
    digest_of(digest, &(struct slice){(const char *)key, octets}, 1, stored);
    digest_hmac(digest, server_key, said, 5, signature);
    bool right = digest_equal(stored, s->keys.stored, octets);
    explicit_bzero(key, sizeof key);
    return right && s->keys.known;
}

/* ---- the exchange ---- */

static int make_nonce(char *hex)
{
    unsigned char octets[18];

    if (getrandom(octets, sizeof octets, 0) != sizeof octets)
        return -1;
    digest_hex(octets, sizeof octets, hex);
    return 0;
}

/* The last word is ours, but the protocol has no place for it beside +OK: it
 * goes as a challenge, and the client says nothing to it. */
static enum outcome say_signature(struct auth_room *r, const struct scram *s,
                                  const unsigned char *signature)
{
    char last[2 + BASE64_TEXT(DIGEST_MOST)] = "v=";
    const struct slice octets = {(const char *)signature,
                                 digest_octets(s->hash->digest)};
    struct slice nothing;
    size_t len = 2 + base64_encode(octets, last + 2);
    enum said said =
        dialogue_ask(&r->dialogue, (struct slice){last, len}, &nothing);

    if (said != SAID_OCTETS)
        return proof_of_silence(said);
    return nothing.len == 0 ? OUTCOME_ACCEPTED : OUTCOME_REFUSED;
}

static void converse(struct auth_room *r, struct proof *proof, struct scram *s)
{
    unsigned char signature[DIGEST_MOST];
    struct slice message;
    char ours[37];
    enum said said = dialogue_client_first(&r->dialogue, &message);

    proof->outcome = proof_of_silence(said);
    if (said != SAID_OCTETS || scram_take_first(s, message) < 0 ||
        make_nonce(ours) < 0)
        return;
    bool named =
        proof_take_name(proof, r->order, s->user) == 0 &&
        (s->acts_as.len == 0 || proof_is_name(proof, r->order, s->acts_as));
    scram_keys_find(s->hash, &r->secrets, named ? proof->name : "", &s->keys);
    if (s->keys.malformed)
        proof->remark = REMARK_MALFORMED;
    scram_make_second(s, ours);
    said = dialogue_ask(&r->dialogue, (struct slice){s->second, s->second_len},
                        &message);
    proof->outcome = proof_of_silence(said);
    if (said == SAID_OCTETS && scram_check_proof(s, message, signature) &&
        named && auth_room_admits(r, proof))
        proof->outcome = say_signature(r, s, signature);
}

void scram_sha_1_converse(struct auth_room *r, struct proof *proof)
{
    struct scram s = {.hash = &scram_sha_1};

    converse(r, proof, &s);
    explicit_bzero(&s, sizeof s);
}

void scram_sha_256_converse(struct auth_room *r, struct proof *proof)
{
    struct scram s = {.hash = &scram_sha_256};

    converse(r, proof, &s);
    explicit_bzero(&s, sizeof s);
}
