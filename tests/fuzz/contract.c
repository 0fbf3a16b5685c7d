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
    unsigned phase = data[1] | (data[0] & 0x80U) << 1;
    if (!frame_check(&f, size - 3, (data[0] & 0x7f) % (ROOM_TLS + 1), phase))
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
    case FRAME_TLS_ORDER:
        MUST(strlen(f.tls_order.cert) < TEXT_PATH);
        MUST(strlen(f.tls_order.key) < TEXT_PATH);
        break;
    case FRAME_TLS_READY:
        MUST(strlen(f.tls_ready.why) < TEXT_WHY);
        break;
    case FRAME_TLS_BORN:
        MUST(f.fd_count == (f.tls_born.usable ? 2 : 0));
        break;
    case FRAME_TLS_CLIENT:
        MUST(f.fd_count == 1 || f.fd_count == 2);
        break;
    case FRAME_TLS_REPORT:
        MUST(f.tls_report.version < TLS_VERSION_COUNT);
        MUST(strpbrk(f.tls_report.text, "\"\\\r\n\033") == NULL);
        break;
    default:
        MUST(f.type > 0 && f.type < FRAME_TYPES);
    }
    return 0;
}
