/* SCRAM's keys. Runs in auth's cage; the file is the administrator's, the name
 * the client's. */

#include "auth/scram_keys.h"
#include "base/base64.h"

#include <string.h>

const struct scram_hash scram_sha_1 = {"SCRAM-SHA-1", DIGEST_SHA_1};
const struct scram_hash scram_sha_256 = {"SCRAM-SHA-256", DIGEST_SHA_256};

/* Cuts off what stands before the next comma, or the rest. */
static struct slice next_field(struct slice *rest)
{
    const char *comma = memchr(rest->at, ',', rest->len);
    struct slice field = {rest->at, comma != NULL ? (size_t)(comma - rest->at)
                                                  : rest->len};
    size_t taken = field.len + (comma != NULL);

    rest->at += taken;
    rest->len -= taken;
    return field;
}

static int read_key(struct slice text, unsigned char *key, size_t octets)
{
    size_t len;

    if (base64_decode(text, (char *)key, DIGEST_MOST, &len) < 0)
        return -1;
    return len == octets ? 0 : -1;
}

int scram_keys_read(const struct scram_hash *hash, struct slice salted,
                    struct scram_keys *keys)
{
    size_t octets = digest_octets(hash->digest);
    struct slice rest = salted;
    uint64_t iterations;

    memset(keys, 0, sizeof *keys);
    if (slice_number(next_field(&rest), &iterations) < 0 || iterations == 0 ||
        iterations > SCRAM_ITERATIONS_MOST ||
        base64_decode(next_field(&rest), (char *)keys->salt, SCRAM_SALT_MOST,
                      &keys->salt_len) < 0 ||
        keys->salt_len == 0 ||
        read_key(next_field(&rest), keys->stored, octets) < 0 ||
        read_key(rest, keys->server, octets) < 0)
        return -1;
    keys->iterations = (uint32_t)iterations;
    keys->known = true;
    return 0;
}

/* A salt out of the file's first line and the name. */
static void invent_salt(const struct scram_hash *hash,
                        const struct secrets *secrets, const char *user,
                        struct scram_keys *keys)
{
    unsigned char octets[2 * DIGEST_MOST];
    struct slice line = {"", 0};

    secrets_first_line(secrets, &line);
    for (unsigned char half = 0; half < 2; half++) {
        const struct slice parts[] = {{(const char *)&half, 1},
                                      slice_of("restante salt of "),
                                      slice_of(hash->mechanism),
                                      {"", 1},
                                      slice_of(user)};
        digest_hmac(DIGEST_SHA_256, line, parts, 5,
                    octets + (size_t)half * DIGEST_MOST);
    }
    memcpy(keys->salt, octets, keys->salt_len);
}

/* What the lines of others look like. */
static void take_model(const struct scram_hash *hash,
                       const struct secrets *secrets, struct scram_keys *keys)
{
    struct scram_keys model;
    struct slice salted;

    memset(keys, 0, sizeof *keys);
    keys->iterations = SCRAM_ITERATIONS;
    keys->salt_len = 16;
    if (!secrets_first_salted(secrets, hash->mechanism, &salted) ||
        scram_keys_read(hash, salted, &model) < 0)
        return;
    keys->iterations = model.iterations;
    keys->salt_len = model.salt_len;
}

void scram_keys_find(const struct scram_hash *hash,
                     const struct secrets *secrets, const char *user,
                     struct scram_keys *keys)
{
    struct slice password, salted;
    struct scram_keys own;

    /* The same work for everybody: the salt must not come sooner for some. */
    take_model(hash, secrets, keys);
    invent_salt(hash, secrets, user, keys);
    bool found =
        secrets_find_salted(secrets, user, hash->mechanism, &password, &salted);
    if (found && salted.at != NULL &&
        scram_keys_read(hash, salted, &own) == 0) {
        *keys = own;
        return;
    }
    keys->known = found && password.at != NULL;
    keys->malformed = found && !keys->known;
    keys->password = password;
}

static void make_keys(const struct scram_hash *hash, struct slice password,
                      struct scram_keys *keys)
{
    static const struct slice client_key = {"Client Key", 10},
                              server_key = {"Server Key", 10};
    size_t octets = digest_octets(hash->digest);
    unsigned char salted[DIGEST_MOST], client[DIGEST_MOST];
    const struct slice salt = {(const char *)keys->salt, keys->salt_len};
    const struct slice key = {(const char *)salted, octets};
    const struct slice unstored = {(const char *)client, octets};

    digest_pbkdf2(hash->digest, password, salt, keys->iterations, salted);
    digest_hmac(hash->digest, key, &client_key, 1, client);
    digest_of(hash->digest, &unstored, 1, keys->stored);
    digest_hmac(hash->digest, key, &server_key, 1, keys->server);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client, sizeof client);
}

void scram_keys_make(const struct scram_hash *hash, struct scram_keys *keys)
{
    if (keys->password.at != NULL)
        make_keys(hash, keys->password, keys);
}

bool scram_keys_match(const struct scram_hash *hash, struct slice salted,
                      const char *password)
{
    struct scram_keys keys;
    unsigned char stored[DIGEST_MOST];

    if (scram_keys_read(hash, salted, &keys) < 0)
        return false;
    memcpy(stored, keys.stored, sizeof stored);
    make_keys(hash, slice_of(password), &keys);
    bool equal = digest_equal(stored, keys.stored, digest_octets(hash->digest));
    explicit_bzero(&keys, sizeof keys);
    return equal;
}
