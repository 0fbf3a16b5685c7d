/* The service's keys and the srvtab, the key file of Kerberos 4. Runs in
 * auth-kerberos4 before the drop; the file is the administrator's, and is
 * parsed as if it were not. */

#include "auth/kerberos4_keys.h"
#include "base/slice.h"

#include <errno.h>
#include <string.h>

void kerberos4_keys_begin(struct kerberos4_keys *keys, const char *services)
{
    memset(keys, 0, sizeof *keys);
    keys->services = services;
}

static bool is_asked_for(const struct kerberos4_keys *keys, const char *service)
{
    struct slice rest = slice_of(keys->services), word;

    while ((word = slice_word(&rest)).len > 0)
        if (word.len == strlen(service) &&
            memcmp(word.at, service, word.len) == 0)
            return true;
    return false;
}

int kerberos4_keys_add(struct kerberos4_keys *keys,
                       const struct kerberos4_key *key)
{
    if (!is_asked_for(keys, key->service))
        return 0;
    if (!kerberos4_des_is_strong(key->key)) {
        errno = EKEYREJECTED;
        return -1;
    }
    if (keys->count == KERBEROS4_KEYS) {
        errno = E2BIG;
        return -1;
    }
    keys->key[keys->count++] = *key;
    return 0;
}

/* Takes a string and its NUL off the front. */
static int take_string(const uint8_t **at, const uint8_t *end,
                       char to[KERBEROS4_NAME])
{
    const uint8_t *nul = memchr(*at, '\0', (size_t)(end - *at));

    if (nul == NULL || nul - *at >= KERBEROS4_NAME) {
        errno = EINVAL;
        return -1;
    }
    memcpy(to, *at, (size_t)(nul - *at) + 1);
    *at = nul + 1;
    return 0;
}

static int take_record(const uint8_t **at, const uint8_t *end,
                       struct kerberos4_key *key)
{
    if (take_string(at, end, key->service) < 0 ||
        take_string(at, end, key->instance) < 0 ||
        take_string(at, end, key->realm) < 0)
        return -1;
    if (end - *at < 1 + DES_OCTETS || key->service[0] == '\0' ||
        key->realm[0] == '\0') {
        errno = EINVAL;
        return -1;
    }
    key->version = **at;
    memcpy(key->key, *at + 1, DES_OCTETS);
    *at += 1 + DES_OCTETS;
    return 0;
}

int kerberos4_keys_read_srvtab(struct kerberos4_keys *keys,
                               const uint8_t *octets, size_t len)
{
    const uint8_t *at = octets, *end = octets + len;
    struct kerberos4_key key = {.version = 0};
    int result = 0;

    while (at < end && result == 0) {
        result = take_record(&at, end, &key);
        if (result == 0)
            result = kerberos4_keys_add(keys, &key);
    }
    explicit_bzero(&key, sizeof key);
    return result;
}

void kerberos4_keys_forget(struct kerberos4_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}
