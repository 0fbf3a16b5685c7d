#ifndef AUTH_USEROK_H
#define AUTH_USEROK_H

#include "rooms/contract.h"

/*
 * May this principal be that user? krb5_kuserok(3) knows: ~/.k5login names who
 * may; without one, krb5.conf's rules (auth_to_local) must make this user of
 * the principal. It is asked in a child that is the user, and a .k5login that
 * is there but cannot be read means no: asked as root that lacks the right to
 * look into the home it would mean yes. Returns OUTCOME_ACCEPTED,
 * OUTCOME_REFUSED or OUTCOME_UNAVAILABLE.
 */
enum outcome userok(const char *principal, const struct frame_decision *user);

#endif
