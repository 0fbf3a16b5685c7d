#ifndef ROOMS_ACCOUNT_H
#define ROOMS_ACCOUNT_H

#include "rooms/contract.h"

/*
 * Fills the account of name into the decision: uid, gid, groups, home, and the
 * name as the system spells it. As root the name must be a system account
 * other than root's; otherwise every name is the caller's own account. Returns
 * OUTCOME_ACCEPTED, OUTCOME_REFUSED (no such account, uid 0) or
 * OUTCOME_UNAVAILABLE.
 */
enum outcome account_find(const char *name, struct frame_decision *decision);

#endif
