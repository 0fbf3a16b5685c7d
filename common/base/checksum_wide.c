/* Checksums with AVX2, which xxhash.h chooses when it is compiled; clang, which
 * knows no such pragma, makes them as it makes all. Runs in the keeper; trusts
 * nothing about the octets. */

#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx2")
#endif

#include "base/checksum_wide.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t checksum_of_wide(const void *octets, size_t len)
{
    return XXH3_64bits(octets, len);
}

void checksum_add_wide(struct checksum *c, const void *octets, size_t len)
{
    XXH3_64bits_update((XXH3_state_t *)(void *)c->state, octets, len);
}
