/* Templates and user names: what is expanded is an absolute path whose last
 * part is a plain name. */

#include "spool/place.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char template[600], user[300];
    struct place place;
    size_t half = size / 2;

    if (half >= 500 || size - half >= sizeof user)
        return 0;
    snprintf(template, sizeof template, "mbox:/%.*s", (int)half,
             (const char *)data);
    memcpy(user, data + half, size - half);
    user[size - half] = '\0';
    if (place_expand(template, user, "/home/alice", &place) < 0)
        return 0;
    MUST(place.directory[0] == '/' && place.name[0] != '\0');
    MUST(strchr(place.name, '/') == NULL);
    return 0;
}
