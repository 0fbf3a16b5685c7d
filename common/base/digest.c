/* Digests. Runs in auth's cage and at the start; trusts nothing about the
 * octets. */

#include "base/digest.h"

#include <md5.h>
#include <sha1.h>
#include <sha2.h>
#include <string.h>

enum {
    BLOCK = 64 /* octets all three work on at a time */
};

struct state {
    enum digest kind;
    union {
        MD5_CTX md5;
        SHA1_CTX sha1;
        SHA2_CTX sha256;
    };
};

static const size_t sizes[] = {[DIGEST_MD5] = MD5_DIGEST_LENGTH,
                               [DIGEST_SHA_1] = SHA1_DIGEST_LENGTH,
                               [DIGEST_SHA_256] = SHA256_DIGEST_LENGTH};

size_t digest_octets(enum digest kind)
{
    return sizes[kind];
}

static void begin(struct state *s, enum digest kind)
{
    s->kind = kind;
    if (kind == DIGEST_MD5)
        MD5Init(&s->md5);
    else if (kind == DIGEST_SHA_1)
        SHA1Init(&s->sha1);
    else
        SHA256Init(&s->sha256);
}

static void add(struct state *s, const void *octets, size_t len)
{
    if (s->kind == DIGEST_MD5)
        MD5Update(&s->md5, octets, len);
    else if (s->kind == DIGEST_SHA_1)
        SHA1Update(&s->sha1, octets, len);
    else
        SHA256Update(&s->sha256, octets, len);
}

static void finish(struct state *s, unsigned char *to)
{
    if (s->kind == DIGEST_MD5)
        MD5Final(to, &s->md5);
    else if (s->kind == DIGEST_SHA_1)
        SHA1Final(to, &s->sha1);
    else
        SHA256Final(to, &s->sha256);
}

void digest_of(enum digest kind, const struct slice *parts, size_t count,
               unsigned char *to)
{
    struct state s;

    begin(&s, kind);
    for (size_t i = 0; i < count; i++)
        add(&s, parts[i].at, parts[i].len);
    finish(&s, to);
}

/* The two states that a key leads to, before any message. */
struct keyed {
    struct state inner, outer;
};

static void key_state(struct state *s, enum digest kind,
                      const unsigned char *key, unsigned char pad)
{
    unsigned char block[BLOCK];

    for (size_t i = 0; i < BLOCK; i++)
        block[i] = key[i] ^ pad;
    begin(s, kind);
    add(s, block, BLOCK);
    explicit_bzero(block, sizeof block);
}

static void set_key(struct keyed *k, enum digest kind, struct slice key)
{
    unsigned char block[BLOCK] = {0};

    if (key.len > BLOCK)
        digest_of(kind, &key, 1, block);
    else if (key.len > 0)
        memcpy(block, key.at, key.len);
    key_state(&k->inner, kind, block, 0x36);
    key_state(&k->outer, kind, block, 0x5c);
    explicit_bzero(block, sizeof block);
}

static void keyed_digest(const struct keyed *k, const struct slice *parts,
                         size_t count, unsigned char *to)
{
    struct state inner = k->inner, outer = k->outer;
    unsigned char middle[DIGEST_MOST];

    for (size_t i = 0; i < count; i++)
        add(&inner, parts[i].at, parts[i].len);
    finish(&inner, middle);
    add(&outer, middle, sizes[inner.kind]);
    finish(&outer, to);
}

void digest_hmac(enum digest kind, struct slice key, const struct slice *parts,
                 size_t count, unsigned char *to)
{
    struct keyed k;

    set_key(&k, kind, key);
    keyed_digest(&k, parts, count, to);
    explicit_bzero(&k, sizeof k);
}

void digest_pbkdf2(enum digest kind, struct slice password, struct slice salt,
                   uint32_t iterations, unsigned char *to)
{
    static const char first_block[4] = {0, 0, 0, 1};
    const struct slice parts[] = {salt, {first_block, sizeof first_block}};
    unsigned char u[DIGEST_MOST];
    const struct slice last = {(const char *)u, sizes[kind]};
    struct keyed k;

    set_key(&k, kind, password);
    keyed_digest(&k, parts, 2, u);
    memcpy(to, u, sizes[kind]);
    for (uint32_t i = 1; i < iterations; i++) {
        keyed_digest(&k, &last, 1, u);
        for (size_t j = 0; j < sizes[kind]; j++)
            to[j] ^= u[j];
    }
    explicit_bzero(&k, sizeof k);
    explicit_bzero(u, sizeof u);
}

char *digest_hex(const unsigned char *octets, size_t len, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[octets[i] >> 4];
        hex[2 * i + 1] = digits[octets[i] & 15];
    }
    hex[2 * len] = '\0';
    return hex;
}

bool digest_equal(const void *a, const void *b, size_t len)
{
    const unsigned char *x = a, *y = b;
    unsigned char differ = 0;

    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(x[i] ^ y[i]);
    return differ == 0;
}
