#ifndef AUTH_KERBEROS4_KEYS_H
#define AUTH_KERBEROS4_KEYS_H

/*
 * The service's DES keys, from a key file: an ordinary krb5 keytab, of which
 * the entries with a DES key and two name components count, or the srvtab of
 * Kerberos 4. Only entries of the services asked for are kept.
 */

#include "auth/kerberos4_des.h"

enum {
    KERBEROS4_NAME = 40, /* octets of a name, instance or realm, with its NUL */
    KERBEROS4_KEYS = 64, /* kept of one file */
};

struct kerberos4_key {
    char service[KERBEROS4_NAME];
    char instance[KERBEROS4_NAME]; /* host; may be a full host name */
    char realm[KERBEROS4_NAME];
    uint8_t version; /* kvno; the low octet of a keytab's */
    uint8_t key[DES_OCTETS];
};

struct kerberos4_keys {
    const char *services; /* a space between two; the caller's */
    size_t count;
    struct kerberos4_key key[KERBEROS4_KEYS];
};

/* No keys yet, and the services whose keys will be kept. */
void kerberos4_keys_begin(struct kerberos4_keys *keys, const char *services);

/* Keeps a key if it is of one of the services. Returns 0, or -1 with errno:
 * E2BIG, or EKEYREJECTED for a weak key. */
int kerberos4_keys_add(struct kerberos4_keys *keys,
                       const struct kerberos4_key *key);

/* Reads a srvtab: records of three strings and, behind their NULs, an octet of
 * kvno and eight of key. Returns 0, or -1 with errno: EINVAL when the octets
 * are not such records to the last, or kerberos4_keys_add()'s. */
int kerberos4_keys_read_srvtab(struct kerberos4_keys *keys,
                               const uint8_t *octets, size_t len);

/*
 * Reads the file, which must be the caller's or root's and nobody else's to
 * read. Returns 0, or -1 with errno: open(2)'s, EPERM for a file that others
 * can read, EINVAL for one that is no key file, ENOKEY when it has no DES key
 * of the services, or kerberos4_keys_add()'s.
 */
int kerberos4_keys_load(struct kerberos4_keys *keys, const char *path);

/* Wipes. */
void kerberos4_keys_forget(struct kerberos4_keys *keys);

#endif
