#ifndef AUTH_USEROK_H
#define AUTH_USEROK_H

#include "rooms/contract.h"

/*
 * The user that krb5.conf's rules (auth_to_local) make of a principal, into to,
 * of TEXT_USER octets. The rules may call in a library of the administrator's,
 * which may ask a server of its own: so a child does it that is _restante, as
 * the order says, and may read files. Returns an outcome as below.
 */
enum outcome userok_name(const char *principal, const struct frame_order *order,
                         char *to);

/*
 * May this principal be that user? krb5_kuserok(3) knows: ~/.k5login names who
 * may; without one, krb5.conf's rules (auth_to_local) must make this user of
 * the principal. It is asked in a child that is the user, and a .k5login that
 * is there but is no file that can be read means no: asked as root that lacks
 * the right to look into the home it would mean yes. Returns OUTCOME_ACCEPTED,
 * OUTCOME_REFUSED or OUTCOME_UNAVAILABLE.
 */
enum outcome userok(const char *principal, const struct frame_decision *user);

#endif
