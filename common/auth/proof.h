#ifndef AUTH_PROOF_H
#define AUTH_PROOF_H

/* What an exchange with the client yields. Made in the cage by a mechanism;
 * the part of auth that is still root checks its form and goes on from it. */

#include "auth/dialogue.h"
#include "base/slice.h"
#include "rooms/contract.h"

enum {
    TEXT_PRINCIPAL = 512 /* octets of a Kerberos name, NUL included */
};

struct proof {
    enum outcome outcome;
    uint32_t remark;           /* enum remark, for the log */
    uint8_t remark_address[4]; /* as in the frame */
    uint32_t asks;             /* not the last word: would this be accepted? */
    uint32_t unproven;         /* a name and a password, still to be checked */
    int64_t asked_at;          /* clock_ms() when the client had said all */
    char claimed[TEXT_USER];   /* who he says he is, for the log */
    char name[TEXT_USER];      /* the user, if accepted or unproven */
    char password[TEXT_PASSWORD];
    char principal[TEXT_PRINCIPAL]; /* who he is for Kerberos, or "" */
};

/*
 * Takes a user name as the client sent it: without the "@NAME" of a domain the
 * administrator named, into both claimed and name. A name that is empty, too
 * long or holds a NUL is refused: returns -1, both are "" then. So is one with
 * other control octets, which nobody has, but it is still claimed.
 */
int proof_take_name(struct proof *proof, const struct frame_order *order,
                    struct slice user);

/* Is that, taken in the same way, the name taken before? */
bool proof_is_name(const struct proof *proof, const struct frame_order *order,
                   struct slice user);

/* Leaves user and password to be checked. */
void proof_take_password(struct proof *proof, const struct frame_order *order,
                         struct slice user, struct slice password);

/* The outcome when a dialogue went no further. */
enum outcome proof_of_silence(enum said said);

/* Are all texts ended and all numbers in range? */
bool proof_check(const struct proof *proof);

#endif
