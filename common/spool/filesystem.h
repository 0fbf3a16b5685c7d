#ifndef SPOOL_FILESYSTEM_H
#define SPOOL_FILESYSTEM_H

/*
 * What a file system promises. On one that several hosts share, process numbers
 * mean nothing, the times of files are not this host's, and what fstat() says
 * may be seconds old until the file is opened anew.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* May another host be at the other side of the file system that fd is on? Also
 * true where it cannot be told. */
bool filesystem_is_shared(int fd);

/* fstat() that asks the server, whatever is cached here. Returns 0, or -1 with
 * errno. */
int filesystem_stat(int fd, struct stat *st);

/*
 * What time it is there, in nanoseconds as in struct snapshot: the time that
 * the file own, which is ours to write, gets now. Returns 0, or -1 with errno:
 * EXDEV when own is not on that device.
 */
int filesystem_now(int own, dev_t device, int64_t *now);

#endif
