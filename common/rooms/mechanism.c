/* The table of mechanisms. Constant data, the same in every room. */

#include "rooms/mechanism.h"

const struct mechanism_row mechanism_rows[MECHANISM_COUNT] = {
    [MECHANISM_PASSWORD] = {NULL, false, true, KEY_NONE, HELPER_AUTH},
    [MECHANISM_APOP] = {"APOP", false, false, KEY_SECRETS, HELPER_AUTH},
    [MECHANISM_PLAIN] = {"PLAIN", true, true, KEY_NONE, HELPER_AUTH},
    [MECHANISM_LOGIN] = {"LOGIN", true, true, KEY_NONE, HELPER_AUTH},
    [MECHANISM_CRAM_MD5] = {"CRAM-MD5", true, false, KEY_SECRETS, HELPER_AUTH},
    [MECHANISM_SCRAM_SHA_1] = {"SCRAM-SHA-1", true, false, KEY_SECRETS,
                               HELPER_AUTH},
    [MECHANISM_SCRAM_SHA_256] = {"SCRAM-SHA-256", true, false, KEY_SECRETS,
                                 HELPER_AUTH},
    [MECHANISM_GSSAPI] = {"GSSAPI", true, false, KEY_KEYTAB, HELPER_GSSAPI},
    [MECHANISM_KERBEROS_V4] = {"KERBEROS_V4", true, false, KEY_KERBEROS4,
                               HELPER_KERBEROS4},
};

const char *const helper_names[HELPER_COUNT] = {
    [HELPER_AUTH] = "auth",
    [HELPER_FILE] = "auth-file",
    [HELPER_GSSAPI] = "auth-gssapi",
    [HELPER_KERBEROS4] = "auth-kerberos4",
};

bool mechanism_offered(enum mechanism mechanism, uint32_t spoken,
                       const char *const keys[KEY_COUNT], bool plaintext)
{
    const struct mechanism_row *row = &mechanism_rows[mechanism];

    return (spoken & MECHANISM_BIT(mechanism)) != 0 &&
           (row->key == KEY_NONE || keys[row->key] != NULL) &&
           (!row->plaintext || plaintext);
}
