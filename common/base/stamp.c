/* Unguessable, unique identifiers. Runs at the start and in auth's cage. */

#include "base/stamp.h"
#include "base/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    RANDOM_OCTETS = 16
};

static const char host_octets[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

int stamp_make(char *to, size_t size, const char *host)
{
    unsigned char random[RANDOM_OCTETS];
    char hex[2 * RANDOM_OCTETS + 1];
    struct timespec now;

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return -1;
    if (host[0] == '\0' || host[strspn(host, host_octets)] != '\0')
        host = "localhost";
    clock_gettime(CLOCK_REALTIME, &now);
    int len = snprintf(to, size, "<%s.%lld@%s>",
                       digest_hex(random, sizeof random, hex),
                       (long long)now.tv_sec, host);
    if (len > 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}
