#ifndef BASE_EXACT_H
#define BASE_EXACT_H

#include <stddef.h>
#include <stdint.h>

/*
 * All of it or nothing: reads or writes exactly len octets at offset, however
 * the kernel cuts them and whatever signals come. Returns 0, or -1 with errno:
 * ENODATA when the file ends before.
 */
int exact_read(int fd, void *to, size_t len, uint64_t offset);
int exact_write(int fd, const void *from, size_t len, uint64_t offset);

#endif
