/* Names of files in a Maildir: TIME.UNIQUE.HOST:2,FLAGS. Runs in the keeper, as
 * the user, caged; distrusts every octet of them. */

#include "spool/maildir.h"
#include "base/slice.h"

#include <errno.h>
#include <md5.h>
#include <stdio.h>
#include <string.h>

#define INFO      ":2,"
#define SEEN_INFO INFO

size_t maildir_base(const char *name)
{
    return strcspn(name, ":");
}

uint64_t maildir_time(const char *name)
{
    uint64_t time = 0;

    for (; *name >= '0' && *name <= '9'; name++) {
        if (time > UINT64_MAX / 10 - 1)
            return UINT64_MAX;
        time = 10 * time + (uint64_t)(*name - '0');
    }
    return time;
}

bool maildir_is_hidden(const char *name)
{
    const char *info = name + maildir_base(name);

    return name[0] == '.' || (strncmp(info, INFO, strlen(INFO)) == 0 &&
                              strchr(info + strlen(INFO), 'T') != NULL);
}

int maildir_seen_name(const char *name, char *to, size_t size)
{
    const char *info = name[maildir_base(name)] == '\0' ? SEEN_INFO : "";
    int len = snprintf(to, size, "%s%s", name, info);

    if (len >= 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

void maildir_uidl(const char *base, size_t len, char slot[UIDL_SLOT])
{
    uint8_t digest[MD5_DIGEST_LENGTH];
    MD5_CTX md5;

    if (uidl_take(base, len, slot) == 0)
        return;
    MD5Init(&md5);
    MD5Update(&md5, (const uint8_t *)base, len);
    MD5Final(digest, &md5);
    memset(slot, 0, UIDL_SLOT);
    for (size_t i = 0; i < MD5_DIGEST_LENGTH; i++)
        sprintf(slot + 2 * i, "%02x", digest[i]);
}
