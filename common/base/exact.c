/* Whole reads and writes at an offset. Runs in the keeper. */

#include "base/exact.h"

#include <errno.h>
#include <unistd.h>

int exact_read(int fd, void *to, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n =
            pread(fd, (char *)to + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0) {
            errno = ENODATA;
            return -1;
        }
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

int exact_write(int fd, const void *from, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const char *)from + done, len - done,
                           (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}
