/* Checksums. Runs in the keeper; trusts nothing about the octets. */

#include "base/checksum.h"
#include "base/checksum_wide.h"
#include "base/processor.h"

#include <stdbool.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    LONG = 512 /* octets from which the wide loop is worth the question */
};

_Static_assert(sizeof(XXH3_state_t) <= sizeof(struct checksum) &&
                   _Alignof(XXH3_state_t) <= _Alignof(struct checksum),
               "a state has its place");

static bool is_wide(size_t len)
{
    return len >= LONG && processor_is_wide();
}

static XXH3_state_t *state_of(unsigned char *state)
{
    return (XXH3_state_t *)(void *)state;
}

uint64_t checksum_of(const void *octets, size_t len)
{
    return is_wide(len) ? checksum_of_wide(octets, len)
                        : XXH3_64bits(octets, len);
}

uint64_t checksum_seeded(const void *octets, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(octets, len, seed);
}

void checksum_start(struct checksum *c)
{
    XXH3_64bits_reset(state_of(c->state));
}

void checksum_add(struct checksum *c, const void *octets, size_t len)
{
    if (is_wide(len))
        checksum_add_wide(c, octets, len);
    else
        XXH3_64bits_update(state_of(c->state), octets, len);
}

uint64_t checksum_end(const struct checksum *c)
{
    return XXH3_64bits_digest((const XXH3_state_t *)(const void *)c->state);
}
