/*
 * The key file: what it is, and the keytab through libkrb5. Runs in
 * auth-kerberos4 as whoever started the program, before the drop.
 *
 * The entries are walked through, and the key is later found by the kvno that
 * the ticket names: asking libkrb5 for one entry would let a client that says
 * kvno 0 have any. An empty profile keeps /etc/krb5.conf out of it; nothing in
 * there has a say in what an old key is.
 */

#include "auth/kerberos4_keys.h"
#include "base/trusted.h"

#include <errno.h>
#include <krb5.h>
#include <limits.h>
#include <profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYTAB_MARK = 5 /* first octet of every keytab, and of no name */
};

static bool copy_text(const krb5_data *from, char to[KERBEROS4_NAME])
{
    if (from->length >= KERBEROS4_NAME ||
        memchr(from->data, '\0', from->length) != NULL)
        return false;
    memcpy(to, from->data, from->length);
    to[from->length] = '\0';
    return true;
}

static bool is_des(const krb5_keyblock *block)
{
    return (block->enctype == ENCTYPE_DES_CBC_CRC ||
            block->enctype == ENCTYPE_DES_CBC_MD5) &&
           block->length == DES_OCTETS;
}

/* Entries that no Kerberos 4 ticket can be for are passed over. */
static int keep_entry(struct kerberos4_keys *keys, const krb5_keytab_entry *e)
{
    struct kerberos4_key key;

    if (!is_des(&e->key) || e->principal->length != 2 ||
        !copy_text(&e->principal->data[0], key.service) ||
        !copy_text(&e->principal->data[1], key.instance) ||
        !copy_text(&e->principal->realm, key.realm))
        return 0;
    key.version = e->vno & 0xff;
    memcpy(key.key, e->key.contents, DES_OCTETS);
    int result = kerberos4_keys_add(keys, &key);
    explicit_bzero(&key, sizeof key);
    return result;
}

static int walk(krb5_context context, krb5_keytab keytab,
                struct kerberos4_keys *keys)
{
    krb5_kt_cursor cursor;
    krb5_keytab_entry entry;
    krb5_error_code code;
    int error = 0;

    if (krb5_kt_start_seq_get(context, keytab, &cursor) != 0) {
        errno = EINVAL;
        return -1;
    }
    while ((code = krb5_kt_next_entry(context, keytab, &entry, &cursor)) == 0) {
        if (error == 0 && keep_entry(keys, &entry) < 0)
            error = errno;
        krb5_free_keytab_entry_contents(context, &entry);
    }
    krb5_kt_end_seq_get(context, keytab, &cursor);
    if (code != KRB5_KT_END)
        error = EINVAL;
    errno = error;
    return error == 0 ? 0 : -1;
}

static int read_keytab(struct kerberos4_keys *keys, const char *path)
{
    char name[PATH_MAX + 8];
    profile_t profile = NULL;
    krb5_context context = NULL;
    krb5_keytab keytab;
    int result = -1, error = EINVAL;

    snprintf(name, sizeof name, "FILE:%s", path);
    if (profile_init(NULL, &profile) == 0 &&
        krb5_init_context_profile(profile, 0, &context) == 0 &&
        krb5_kt_resolve(context, name, &keytab) == 0) {
        result = walk(context, keytab, keys);
        error = errno;
        krb5_kt_close(context, keytab);
    }
    krb5_free_context(context);
    profile_release(profile);
    errno = error;
    return result;
}

int kerberos4_keys_load(struct kerberos4_keys *keys, const char *path)
{
    size_t len;
    char *octets = trusted_read(path, 077, &len);
    int result;

    if (octets == NULL)
        return -1;
    if (len > 0 && octets[0] == KEYTAB_MARK)
        result = read_keytab(keys, path);
    else
        result = kerberos4_keys_read_srvtab(keys, (const uint8_t *)octets, len);
    explicit_bzero(octets, len);
    free(octets);
    if (result == 0 && keys->count == 0) {
        errno = ENOKEY;
        result = -1;
    }
    return result;
}
