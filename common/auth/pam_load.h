#ifndef AUTH_PAM_LOAD_H
#define AUTH_PAM_LOAD_H

/* libpam, loaded when somebody is to be asked about: a login that PAM has no
 * say in does not pay for the library and what it pulls in. */

#include <security/pam_appl.h>

/* The calls by libpam's own names, without their pam_. */
struct pam_library {
    __typeof__(pam_start) *start;
    __typeof__(pam_end) *end;
    __typeof__(pam_set_item) *set_item;
    __typeof__(pam_get_item) *get_item;
    __typeof__(pam_authenticate) *authenticate;
    __typeof__(pam_acct_mgmt) *acct_mgmt;
};

/* Returns 0, or -1: there is no libpam. It stays loaded. */
int pam_load(struct pam_library *library);

#endif
