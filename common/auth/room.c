/*
 * The life of an auth program. Starts as whoever started the daemon; hears the
 * client only in a child that is _restante in a cage, and what that child
 * brings is believed no more than its form allows. The one exception is a
 * password for PAM, which front sends as a fixed frame.
 */

#include "auth/room.h"
#include "auth/pam.h"
#include "auth/scram_keys.h"
#include "base/clock.h"
#include "rooms/account.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"
#include "rooms/setup.h"

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

static bool uses_pam(const struct frame_order *order)
{
    return (order->providers & PROVIDER_PAM) != 0;
}

/* ---- the secret file ---- */

/* The first line that a password can be compared with counts. */
static bool secret_is(const struct secrets *secrets, const struct proof *proof)
{
    static const struct scram_hash *const hashes[] = {&scram_sha_256,
                                                      &scram_sha_1};
    struct slice secret, salted;

    for (size_t i = 0; i < 2; i++) {
        if (!secrets_find_salted(secrets, proof->name, hashes[i]->mechanism,
                                 &secret, &salted))
            continue;
        return salted.at != NULL
                   ? scram_keys_match(hashes[i], salted, proof->password)
                   : secrets_equal(secret, proof->password);
    }
    return false;
}

static void check_secret(const struct secrets *secrets, struct proof *proof)
{
    bool right = secret_is(secrets, proof);

    proof->unproven = false;
    proof->outcome = right ? OUTCOME_ACCEPTED : OUTCOME_REFUSED;
}

/* Beside PAM a user who has a secret is kept from sending it in clear; with
 * --auth=pam,file the secret is what counts for him. */
static void check_with_pam(const struct auth_room *r, struct proof *proof)
{
    const struct frame_order *order = r->order;
    struct frame_password words;
    struct slice secret;
    bool has_secret = secrets_find(&r->secrets, proof->name, &secret);

    proof->unproven = false;
    if (proof->name[0] == '\0' || (has_secret && order->exposed)) {
        proof->outcome = OUTCOME_REFUSED;
        return;
    }
    if (has_secret && (order->providers & PROVIDER_FILE) != 0) {
        check_secret(&r->secrets, proof);
        if (proof->outcome == OUTCOME_ACCEPTED)
            proof->outcome = pam_account(order, proof->name);
        return;
    }
    memcpy(words.user, proof->name, sizeof words.user);
    memcpy(words.password, proof->password, sizeof words.password);
    proof->outcome = pam_check(order, &words, proof->name);
    explicit_bzero(&words, sizeof words);
    /* PAM may know him by another spelling. */
    if (proof->outcome == OUTCOME_ACCEPTED && order->exposed &&
        secrets_find(&r->secrets, proof->name, &secret))
        proof->outcome = OUTCOME_REFUSED;
}

/* ---- the client is heard ---- */

void auth_room_hear_password(const struct auth_room *r, struct proof *proof)
{
    struct frame f;

    int got = frame_receive(r->front, ROOM_AUTH, PHASE_LOGIN, CLOCK_NEVER, &f);
    if (got < 0 && errno == EPROTO)
        _exit(EXIT_OWNED);
    if (got != 1) {
        proof->outcome = OUTCOME_CANCELLED;
        return;
    }
    proof->asked_at = clock_ms();
    proof_take_password(proof, r->order, slice_of(f.password.user),
                        slice_of(f.password.password));
    explicit_bzero(&f, sizeof f);
}

bool auth_room_admits(struct auth_room *r, const struct proof *proof)
{
    struct proof question = *proof;
    enum outcome outcome;

    question.outcome = OUTCOME_ACCEPTED;
    question.asks = true;
    return write(r->desk, &question, sizeof question) == sizeof question &&
           read(r->desk, &outcome, sizeof outcome) == sizeof outcome &&
           outcome == OUTCOME_ACCEPTED;
}

/* In the child. */
static _Noreturn void hear_caged(struct auth_room *r,
                                 const struct auth_row *row, int answer,
                                 pid_t parent)
{
    const struct identity who = {.uid = r->order->room_uid,
                                 .gid = r->order->room_gid};
    const int kept[] = {0, 1, 2, FRONT, answer};
    struct proof proof = {.outcome = OUTCOME_REFUSED};

    if (privileges_close_others(kept, 5) < 0 || privileges_drop(&who) < 0 ||
        privileges_tie_life(SIGKILL, parent) < 0 ||
        dialogue_start(&r->dialogue, FRONT) < 0 ||
        (row->cage != NULL ? row->cage(r) : sandbox_auth()) < 0)
        _exit(1);
    r->desk = answer;
    row->converse(r, &proof);
    if (proof.asked_at == 0)
        proof.asked_at = r->dialogue.asked_at;
    if (proof.unproven && !uses_pam(r->order))
        check_secret(&r->secrets, &proof);
    dialogue_end(&r->dialogue);
    _exit(write(answer, &proof, sizeof proof) == sizeof proof ? 0 : 1);
}

/* Could a child that is itself have brought it? One that was told a password
 * for PAM has nothing to prove, whatever it says; none that takes proofs is
 * told passwords. */
static bool is_possible(const struct frame_order *order,
                        const struct proof *proof)
{
    bool hears_passwords =
        mechanism_rows[order->mechanism].plaintext && uses_pam(order);

    return hears_passwords ? proof->outcome != OUTCOME_ACCEPTED
                           : proof->unproven == 0;
}

/* ---- who that is, and whether he may ---- */

static int load_secrets(struct auth_room *r)
{
    if (r->secrets.text != NULL || r->order->secrets[0] == '\0')
        return 0;
    return secrets_load(&r->secrets, r->order->secrets);
}

/* From what was proven to an account that may be used. */
static enum outcome judge(struct auth_room *r, const struct auth_row *row,
                          struct proof *proof, struct frame_decision *account)
{
    bool by_password = proof->unproven != 0;

    if (by_password && (!uses_pam(r->order) || load_secrets(r) < 0))
        return OUTCOME_UNAVAILABLE;
    if (by_password)
        check_with_pam(r, proof);
    if (proof->outcome != OUTCOME_ACCEPTED)
        return proof->outcome;
    enum outcome outcome =
        row->name != NULL ? row->name(r, proof) : OUTCOME_ACCEPTED;
    if (outcome == OUTCOME_ACCEPTED)
        outcome = account_find(proof->name, account);
    /* Nobody's keeper may be who every front is. */
    if (outcome == OUTCOME_ACCEPTED && geteuid() == 0 &&
        account->uid == r->order->room_uid)
        outcome = OUTCOME_REFUSED;
    if (outcome == OUTCOME_ACCEPTED && row->authorize != NULL)
        outcome = row->authorize(r, proof, account);
    if (outcome == OUTCOME_ACCEPTED && !by_password && uses_pam(r->order))
        outcome = pam_account(r->order, proof->name);
    return outcome;
}

/* ---- the child and its last word ---- */

/* Takes what the child says until its last word. It may ask once. */
static bool take_proof(struct auth_room *r, const struct auth_row *row,
                       int answer, struct proof *proof)
{
    while (read(answer, proof, sizeof *proof) == sizeof *proof &&
           proof_check(proof) && is_possible(r->order, proof)) {
        if (!proof->asks)
            return true;
        if (r->judged || proof->unproven)
            return false;
        r->judged = true;
        memcpy(r->judged_name, proof->name, sizeof r->judged_name);
        r->judgement = judge(r, row, proof, &r->account);
        if (write(answer, &r->judgement, sizeof r->judgement) !=
            sizeof r->judgement)
            return false;
    }
    return false;
}

/* Bears the caged child and takes its proof. Returns false when it had none. */
static bool hear_child(struct auth_room *r, const struct auth_row *row,
                       struct proof *proof)
{
    int answer[2], status;
    pid_t self = getpid();

    if (frame_wire(answer) < 0)
        return false;
    pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0)
        hear_caged(r, row, answer[1], self);
    secrets_forget(&r->secrets);
    close(answer[1]);
    close(FRONT);
    bool whole = take_proof(r, row, answer[0], proof);
    close(answer[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OWNED)
        _exit(EXIT_OWNED);
    return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A password for PAM comes as a fixed frame: that needs no parser and so no
 * child. */
static bool hear(struct auth_room *r, const struct auth_row *row,
                 struct proof *proof)
{
    if (row->mechanism != MECHANISM_PASSWORD || !uses_pam(r->order))
        return hear_child(r, row, proof);
    pam_prepare();
    auth_room_hear_password(r, proof);
    return true;
}

/* ---- the decision ---- */

/* What the child was told counts, and only for the user it asked about. */
static enum outcome conclude(struct auth_room *r, const struct auth_row *row,
                             struct proof *proof,
                             struct frame_decision *decision)
{
    if (!r->judged)
        return judge(r, row, proof, decision);
    if (proof->outcome == OUTCOME_CANCELLED)
        return OUTCOME_CANCELLED;
    if (r->judgement != OUTCOME_ACCEPTED)
        return r->judgement;
    if (proof->outcome == OUTCOME_ACCEPTED &&
        strcmp(proof->name, r->judged_name) != 0)
        return OUTCOME_UNAVAILABLE;
    *decision = r->account;
    return proof->outcome;
}

static int decide(struct auth_room *r, const struct auth_row *row,
                  struct proof *proof)
{
    struct frame f;

    frame_make(&f, FRAME_DECISION);
    enum outcome outcome = conclude(r, row, proof, &f.decision);
    f.decision.outcome = outcome;
    f.decision.asked_at = proof->asked_at;
    if (f.decision.remark == REMARK_NONE)
        f.decision.remark = proof->remark;
    memcpy(f.decision.remark_address, proof->remark_address,
           sizeof f.decision.remark_address);
    memcpy(f.decision.claimed, proof->claimed, sizeof f.decision.claimed);
    return frame_send(MONITOR, &f);
}

/* Something that lies in files is missing: nobody is heard. */
static int decline(void)
{
    struct frame f;

    frame_make(&f, FRAME_DECISION);
    f.decision.outcome = OUTCOME_UNAVAILABLE;
    f.decision.remark = REMARK_KEY_FILE;
    f.decision.asked_at = clock_ms();
    return frame_send(MONITOR, &f);
}

static const struct auth_row *find(const struct auth_row *rows, size_t count,
                                   enum mechanism mechanism)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].mechanism == mechanism)
            return &rows[i];
    return NULL;
}

/* What the child needs of the secret file: nothing where PAM decides. */
static bool child_needs_secrets(const struct frame_order *order)
{
    return mechanism_rows[order->mechanism].key == KEY_SECRETS ||
           !uses_pam(order);
}

void auth_room_live(const struct auth_row *rows, size_t count)
{
    struct auth_room room = {.front = FRONT};
    struct proof proof = {.outcome = OUTCOME_REFUSED};
    struct frame order;

    /* A module that crashes must not leave a password on the disk. */
    if (privileges_hide() < 0 ||
        frame_receive(MONITOR, ROOM_AUTH, PHASE_GREETED, CLOCK_NEVER, &order) !=
            1)
        _exit(1);
    room.order = &order.order;
    if (gethostname(room.host, sizeof room.host - 1) < 0)
        room.host[0] = '\0';
    const struct auth_row *row =
        find(rows, count, (enum mechanism)order.order.mechanism);
    if (row == NULL ||
        (child_needs_secrets(room.order) && load_secrets(&room) < 0))
        _exit(1);
    if (row->load != NULL && row->load(&room) < 0)
        _exit(decline() == 0 ? 0 : 1);
    /* What PAM modules have left to do at exit is not waited for. */
    _exit(hear(&room, row, &proof) && decide(&room, row, &proof) == 0 ? 0 : 1);
}
