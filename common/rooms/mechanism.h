#ifndef ROOMS_MECHANISM_H
#define ROOMS_MECHANISM_H

/*
 * The ways to log in: one table, read by front (what is announced), the
 * monitor (what may be asked for, and which program does it) and the start
 * (which files and programs are needed). A new mechanism is one row here and
 * one file in auth/.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mechanism {
    MECHANISM_PASSWORD, /* USER/PASS, HELO */
    MECHANISM_APOP,
    MECHANISM_PLAIN,
    MECHANISM_LOGIN,
    MECHANISM_CRAM_MD5,
    MECHANISM_SCRAM_SHA_1,
    MECHANISM_SCRAM_SHA_256,
    MECHANISM_GSSAPI,
    MECHANISM_KERBEROS_V4,
    MECHANISM_COUNT
};

#define MECHANISM_BIT(mechanism) (1U << (mechanism))
#define MECHANISMS_ALL           (MECHANISM_BIT(MECHANISM_COUNT) - 1)

/* The file a mechanism cannot do without. */
enum key {
    KEY_NONE,
    KEY_SECRETS,   /* --secrets */
    KEY_KEYTAB,    /* --keytab */
    KEY_KERBEROS4, /* --kerberos4 */
    KEY_COUNT
};

/* The program that carries it out. */
enum helper {
    HELPER_AUTH,
    HELPER_FILE, /* for auth, where the secret file alone decides */
    HELPER_GSSAPI,
    HELPER_KERBEROS4,
    HELPER_COUNT
};

struct mechanism_row {
    const char *name; /* SASL's, or the command's; NULL: the protocol's own */
    bool sasl;        /* AUTH knows it */
    bool plaintext;   /* sends a password: needs leave or TLS */
    enum key key;
    enum helper helper;
};

extern const struct mechanism_row mechanism_rows[MECHANISM_COUNT];

/* The programs' names in libexec. */
extern const char *const helper_names[HELPER_COUNT];

/*
 * Is the mechanism offered on this connection? spoken: bits of those the
 * protocol has; keys: the paths of usable key files, NULL where there is none;
 * plaintext: a password may be sent now.
 */
bool mechanism_offered(enum mechanism mechanism, uint32_t spoken,
                       const char *const keys[KEY_COUNT], bool plaintext);

#endif
