/* Tries a mechanism's program with its key file. Runs for --check, as whoever
 * started the program; there is no client. */

#include "serve/trial.h"
#include "base/clock.h"
#include "rooms/helper.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TRIAL_SECONDS = 30
};

static int send_order(const struct setup *s, enum mechanism mechanism, int auth)
{
    const char *key = s->keys[mechanism_rows[mechanism].key];
    struct frame f;

    frame_make(&f, FRAME_ORDER);
    f.order.mechanism = mechanism;
    f.order.providers = PROVIDER_PAM; /* no secret file is needed */
    f.order.room_uid = s->room_uid;
    f.order.room_gid = s->room_gid;
    strncpy(f.order.service, s->service, sizeof f.order.service - 1);
    strncpy(f.order.key, key, sizeof f.order.key - 1);
    if (s->state != NULL)
        strncpy(f.order.state, s->state, sizeof f.order.state - 1);
    memcpy(f.order.services, s->services, sizeof f.order.services);
    return frame_send(auth, &f);
}

static bool is_cancelled(int auth)
{
    struct frame f;

    return frame_receive(auth, ROOM_MONITOR, PHASE_LOGIN,
                         clock_in_seconds(TRIAL_SECONDS), &f) == 1 &&
           f.type == FRAME_DECISION && f.decision.outcome == OUTCOME_CANCELLED;
}

bool trial_succeeds(const struct setup *s, enum mechanism mechanism)
{
    int program = s->helpers[setup_helper(s, mechanism)];
    int front[2], auth[2], status;

    if (frame_wire(front) < 0 || frame_wire(auth) < 0)
        return false;
    const int given[] = {front[1], auth[1]};
    pid_t child = helper_start(program, "restante-auth", given, 2);
    close(front[0]);
    close(front[1]);
    close(auth[1]);
    bool good = child > 0 && send_order(s, mechanism, auth[0]) == 0 &&
                is_cancelled(auth[0]);
    close(auth[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return good;
}
