/*
 * The tls program: born for one connection that asked for TLS, and the only one
 * that knows a TLS library. Descriptor 3 is the wire to front, which sends the
 * client; 4 the wire to the monitor, which says which key; 5 the stream that
 * front then has in the client's place.
 *
 * It starts with the rights of whoever started pop3d, because a private key
 * needs them, and reads the key. Then it becomes _restante and enters its cage,
 * and only there does it get the client.
 */

#include "base/clock.h"
#include "rooms/contract.h"
#include "rooms/helper.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"
#include "rooms/setup.h"
#include "tls/key.h"
#include "tls/pump.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum {
    FRONT = HELPER_FIRST,
    MONITOR,
    STREAM
};

static int enter_cage(const struct frame_tls_order *order, pid_t parent)
{
    const struct identity who = {.uid = order->room_uid,
                                 .gid = order->room_gid};

    if (privileges_drop(&who) < 0 || privileges_tie_life(SIGKILL, parent) < 0)
        return -1;
    return sandbox_tls();
}

/* Loads the key, locks itself in and says how it went. Returns the terms, or
 * NULL when there are none. */
static SSL_CTX *get_ready(const struct frame_tls_order *order, pid_t parent)
{
    struct frame f;

    frame_make(&f, FRAME_TLS_READY);
    SSL_CTX *terms = key_load(order, &f.tls_ready);
    if (enter_cage(order, parent) < 0)
        _exit(EXIT_CAGE + errno);
    return frame_send(MONITOR, &f) == 0 ? terms : NULL;
}

static void serve(SSL_CTX *terms, const struct frame_tls_order *order,
                  const struct frame *client)
{
    int in = client->fds[0], out = client->fds[client->fd_count - 1];
    struct pump *p = pump_make(terms, in, out, STREAM);
    struct frame f;

    if (p == NULL)
        return;
    frame_make(&f, FRAME_TLS_REPORT);
    pump_shake(p, order->login_ends, &f.tls_report);
    if (frame_send(MONITOR, &f) < 0)
        return;
    if (f.tls_report.result == TLS_DONE)
        pump_run(p, order->patience);
    else
        pump_part(p);
}

int main(void)
{
    struct frame order, client;
    pid_t parent = getppid();

    if (privileges_hide() < 0)
        return EXIT_CAGE + errno;
    int got =
        frame_receive(MONITOR, ROOM_TLS, PHASE_KEYLESS, CLOCK_NEVER, &order);
    if (got != 1)
        return got < 0 ? EXIT_OWNED : 0;
    SSL_CTX *terms = get_ready(&order.tls_order, parent);
    if (terms == NULL)
        _exit(0);
    got = frame_receive(FRONT, ROOM_TLS, PHASE_KEYED, CLOCK_NEVER, &client);
    close(FRONT);
    if (got == 1)
        serve(terms, &order.tls_order, &client);
    _exit(got < 0 ? EXIT_OWNED : 0);
}
