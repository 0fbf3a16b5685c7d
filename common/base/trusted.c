/* Files that only the administrator may write. Runs at the start and in auth,
 * as whoever started the program. */

#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX = 16 * 1024 * 1024
};

int trusted_open(const char *path, mode_t forbidden)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_uid == 0 || st.st_uid == geteuid()) &&
        (st.st_mode & forbidden) == 0)
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

const char *trusted_why(int error, mode_t forbidden)
{
    if (error != EPERM)
        return strerror(error);
    if (forbidden == 022)
        return "it must be a file of root's or yours that nobody else can "
               "write to: chmod go-w";
    if (forbidden == 027)
        return "it must be a file of root's or yours that others cannot read "
               "and its group cannot write to: chmod 640";
    return "it must be a file of root's or yours that nobody else can read: "
           "chmod 600";
}

static ssize_t read_all(int fd, char *to, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, to + len, size - len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
    }
    return (ssize_t)len;
}

char *trusted_read(const char *path, mode_t forbidden, size_t *len)
{
    struct stat st;
    int fd = trusted_open(path, forbidden);

    if (fd < 0)
        return NULL;
    char *text = NULL;
    if (fstat(fd, &st) == 0 && st.st_size > FILE_MAX)
        errno = EFBIG;
    else
        text = malloc((size_t)st.st_size + 1);
    ssize_t got = text != NULL ? read_all(fd, text, (size_t)st.st_size) : -1;
    int saved = errno;
    close(fd);
    errno = saved;
    if (got < 0) {
        free(text);
        return NULL;
    }
    text[got] = '\0';
    *len = (size_t)got;
    return text;
}
