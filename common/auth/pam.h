#ifndef AUTH_PAM_H
#define AUTH_PAM_H

#include "rooms/contract.h"

/*
 * Asks PAM: authentication, then account. canonical (of TEXT_USER octets) gets
 * the name PAM ends with. Nothing else of PAM is used: reading mail is no
 * login session, and credentials are not established.
 */
enum outcome pam_check(const struct frame_order *order,
                       const struct frame_password *password, char *canonical);

/* Asks the account phase alone, for a user who has proven otherwise who he is:
 * a locked or expired account stays shut. */
enum outcome pam_account(const struct frame_order *order, const char *user);

/* Loads PAM ahead, while the client still types. */
void pam_prepare(void);

#endif
