#ifndef AUTH_ROOM_H
#define AUTH_ROOM_H

/*
 * The life of an auth program, whatever its mechanisms: take the monitor's
 * order; load the mechanism's key; bear a child that becomes _restante, enters
 * its cage and only then hears the client; check what the child brings, as
 * whoever started the program; answer the monitor, and end.
 *
 * Descriptor 3 leads to front, 4 to the monitor.
 */

#include "auth/dialogue.h"
#include "auth/proof.h"
#include "auth/secrets.h"
#include "rooms/contract.h"

struct auth_room {
    const struct frame_order *order;
    int front;              /* socket */
    struct secrets secrets; /* what the mechanism may know of the file */
    struct dialogue dialogue;
    char host[256]; /* this machine */
    void *key;      /* what load() made; the mechanism's */
    int desk;       /* socket between the child and the rest of auth */
    bool judged;    /* the child has asked, and this is what it was told: */
    enum outcome judgement;
    char judged_name[TEXT_USER];
    struct frame_decision account;
};

/* One mechanism. */
struct auth_row {
    enum mechanism mechanism;
    /* Before the client is heard, as whoever started the program: loads what
     * lies in files. NULL: nothing but the secret file. Returns 0 or -1. */
    int (*load)(struct auth_room *);
    /* In the child, which is _restante by now: enters the cage. NULL: the one
     * that reaches no file. Returns 0 or -1. */
    int (*cage)(struct auth_room *);
    /* In the cage: talks to the client; the proof is REFUSED until it says
     * otherwise. asked_at and the last line are looked after. */
    void (*converse)(struct auth_room *, struct proof *);
    /* Outside, as whoever started the program, when the proof is accepted:
     * finds the user's name where the client gave none. NULL: he gives one. */
    enum outcome (*name)(struct auth_room *, struct proof *);
    /* Then, and when there is such an account: may he who has proven who he is
     * use this account? May leave a remark there. NULL: the name says it all.
     */
    enum outcome (*authorize)(struct auth_room *, const struct proof *,
                              struct frame_decision *account);
};

/* Waits for name and password (APOP: digest) that came in commands of the
 * protocol; takes them into an unproven proof. */
void auth_room_hear_password(const struct auth_room *r, struct proof *proof);

/*
 * In the cage, once: would the user whom this proof names be let in? For
 * mechanisms in which the server says more than yes or no: what is said before
 * a refusal must not depend on what is wrong.
 */
bool auth_room_admits(struct auth_room *r, const struct proof *proof);

/* All of an auth program's main(). Never returns. */
_Noreturn void auth_room_live(const struct auth_row *rows, size_t count);

#endif
