/* No PAM: for the program that asks the secret file alone. The monitor starts
 * it for nothing else; an order that names PAM all the same lets nobody in. */

#include "auth/pam.h"

enum outcome pam_check(const struct frame_order *order,
                       const struct frame_password *password, char *canonical)
{
    (void)order;
    (void)password;
    (void)canonical;
    return OUTCOME_UNAVAILABLE;
}

enum outcome pam_account(const struct frame_order *order, const char *user)
{
    (void)order;
    (void)user;
    return OUTCOME_UNAVAILABLE;
}

void pam_prepare(void)
{
}
