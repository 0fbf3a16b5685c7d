/* Frames between rooms: what is accepted has its fields in range. */

#include "rooms/contract.h"
#include "target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame f;

    if (size < 3 || size - 3 > offsetof(struct frame, fds))
        return 0;
    memset(&f, 0x55, sizeof f);
    f.fd_count = data[2] % (FRAME_FDS + 1);
    memcpy(&f, data + 3, size - 3);
    if (!frame_check(&f, size - 3, data[0] % 4, data[1]))
        return 0;
    switch (f.type) {
    case FRAME_DECISION:
        MUST(f.decision.group_count <= GROUPS_MAX);
        MUST(strlen(f.decision.name) < TEXT_USER);
        break;
    case FRAME_PASSWORD:
        MUST(strlen(f.password.user) < TEXT_USER);
        break;
    case FRAME_MARKS:
        MUST(f.marks.size <= MARKS_OCTETS);
        break;
    default:
        MUST(f.type > 0 && f.type < FRAME_TYPES);
    }
    return 0;
}
