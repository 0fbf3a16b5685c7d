/*
 * The auth program: born for one login, dead when it is decided. Descriptor 3
 * leads to front, which sends the client's name and password; 4 to the
 * monitor, which gives the order and takes the decision.
 *
 * PAM runs here as root. Everything that needs no root runs in a child that
 * has loaded its key, become _restante and entered its cage before it reads
 * the first octet of the client.
 */

#include "auth/pam.h"
#include "auth/secrets.h"
#include "base/clock.h"
#include "rooms/account.h"
#include "rooms/contract.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FRONT = 3,
    MONITOR = 4
};

/* What checking a password yields: the frame's claimed, asked_at and outcome,
 * and the name that was proven. */
struct proof {
    enum outcome outcome;
    int64_t asked_at;
    char claimed[TEXT_USER];
    char name[TEXT_USER];
};

static void check_secret(const struct secrets *secrets,
                         const struct frame_password *password,
                         struct proof *proof)
{
    struct slice secret;

    proof->outcome = OUTCOME_REFUSED;
    if (!secrets_find(secrets, password->user, &secret) ||
        !secrets_equal(secret, password->password))
        return;
    memcpy(proof->name, password->user, sizeof proof->name);
    proof->outcome = OUTCOME_ACCEPTED;
}

/* Beside PAM a user who has a secret is kept from sending it in clear; with
 * --auth=pam,file the secret is what counts for him. */
static void check_with_pam(const struct frame_order *order,
                           const struct secrets *secrets,
                           const struct frame_password *password,
                           struct proof *proof)
{
    struct slice secret;
    bool has_secret = secrets_find(secrets, password->user, &secret);

    if (has_secret && order->exposed)
        proof->outcome = OUTCOME_REFUSED;
    else if (has_secret && (order->providers & PROVIDER_FILE) != 0)
        check_secret(secrets, password, proof);
    else
        proof->outcome = pam_check(order, password, proof->name);
    /* PAM may know him by another spelling. */
    if (proof->outcome == OUTCOME_ACCEPTED && order->exposed &&
        secrets_find(secrets, proof->name, &secret))
        proof->outcome = OUTCOME_REFUSED;
}

/* Waits for the client's words. Returns false when front is gone. */
static bool hear_password(struct frame *f, struct proof *proof)
{
    if (frame_receive(FRONT, ROOM_AUTH, PHASE_LOGIN, CLOCK_NEVER, f) != 1)
        return false;
    memset(proof, 0, sizeof *proof);
    proof->asked_at = clock_ms();
    memcpy(proof->claimed, f->password.user, sizeof proof->claimed);
    return true;
}

/* In the child: the cage first, then the client's octets. */
static _Noreturn void check_caged(const struct frame_order *order,
                                  const struct secrets *secrets, int answer,
                                  pid_t parent)
{
    const struct identity who = {.uid = order->room_uid,
                                 .gid = order->room_gid};
    const int kept[] = {0, 1, 2, FRONT, answer};
    struct proof proof;
    struct frame f;

    if (privileges_close_others(kept, 5) < 0 || privileges_drop(&who) < 0 ||
        privileges_tie_life(SIGKILL, parent) < 0 || sandbox_auth() < 0)
        _exit(1);
    if (!hear_password(&f, &proof))
        _exit(1);
    check_secret(secrets, &f.password, &proof);
    explicit_bzero(&f, sizeof f);
    _exit(write(answer, &proof, sizeof proof) == sizeof proof ? 0 : 1);
}

/* Bears the caged child and takes its proof. Returns false when it had none. */
static bool prove_caged(const struct frame_order *order,
                        struct secrets *secrets, struct proof *proof)
{
    int answer[2], status;
    pid_t self = getpid();

    if (pipe(answer) < 0)
        return false;
    pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0)
        check_caged(order, secrets, answer[1], self);
    secrets_forget(secrets);
    close(answer[1]);
    close(FRONT);
    bool whole = read(answer[0], proof, sizeof *proof) == sizeof *proof;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           (unsigned)proof->outcome < OUTCOME_COUNT &&
           memchr(proof->name, '\0', sizeof proof->name) != NULL &&
           memchr(proof->claimed, '\0', sizeof proof->claimed) != NULL;
}

static bool prove_here(const struct frame_order *order,
                       const struct secrets *secrets, struct proof *proof)
{
    struct frame f;

    if (!hear_password(&f, proof))
        return false;
    check_with_pam(order, secrets, &f.password, proof);
    explicit_bzero(&f, sizeof f);
    return true;
}

static int decide(const struct proof *proof)
{
    struct frame f;

    frame_make(&f, FRAME_DECISION);
    f.decision.outcome = proof->outcome;
    f.decision.asked_at = proof->asked_at;
    memcpy(f.decision.claimed, proof->claimed, sizeof f.decision.claimed);
    if (proof->outcome == OUTCOME_ACCEPTED)
        f.decision.outcome = account_find(proof->name, &f.decision);
    return frame_send(MONITOR, &f);
}

int main(void)
{
    struct secrets secrets = {0};
    struct proof proof;
    struct frame order;

    /* A module that crashes must not leave a password on the disk. */
    if (privileges_hide() < 0)
        return 1;
    if (frame_receive(MONITOR, ROOM_AUTH, PHASE_GREETED, CLOCK_NEVER, &order) !=
        1)
        return 1;
    const struct frame_order *o = &order.order;
    if (o->secrets[0] != '\0' && secrets_load(&secrets, o->secrets) < 0)
        return 1;
    bool proven = (o->providers & PROVIDER_PAM) != 0
                      ? prove_here(o, &secrets, &proof)
                      : prove_caged(o, &secrets, &proof);
    /* What PAM modules have left to do at exit is not waited for. */
    _exit(proven && decide(&proof) == 0 ? 0 : 1);
}
