#ifndef BASE_CHECKSUM_WIDE_H
#define BASE_CHECKSUM_WIDE_H

#include "base/checksum.h"

/* As in checksum.h, for a processor_is_wide(). */
uint64_t checksum_of_wide(const void *octets, size_t len);
void checksum_add_wide(struct checksum *c, const void *octets, size_t len);

#endif
