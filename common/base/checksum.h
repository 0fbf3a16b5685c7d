#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * 64 bits that tell whether octets are the same as they were: XXH3, no guard
 * against who chooses the octets. What is long is summed with AVX2 where the
 * processor can; the sums are the same.
 */
uint64_t checksum_of(const void *octets, size_t len);

/* Another sum for each seed. */
uint64_t checksum_seeded(const void *octets, size_t len, uint64_t seed);

/* One that is made from pieces. */
struct checksum {
    _Alignas(64) unsigned char state[576]; /* XXH3's */
};

void checksum_start(struct checksum *c);
void checksum_add(struct checksum *c, const void *octets, size_t len);

/* The sum of what was added so far. */
uint64_t checksum_end(const struct checksum *c);

#endif
