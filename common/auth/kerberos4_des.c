/* DES from nettle, which has ECB; PCBC is the one line it lacks. Runs in
 * auth-kerberos4, in the cage; in holds the client's octets. */

#include "auth/kerberos4_des.h"

#include <nettle/des.h>
#include <string.h>

bool kerberos4_des_is_strong(const uint8_t key[DES_OCTETS])
{
    struct des_ctx des;
    bool strong = des_set_key(&des, key) == 1;

    explicit_bzero(&des, sizeof des);
    return strong;
}

void kerberos4_des_encrypt(const uint8_t key[DES_OCTETS],
                           const uint8_t in[DES_OCTETS],
                           uint8_t out[DES_OCTETS])
{
    struct des_ctx des;

    des_set_key(&des, key);
    des_encrypt(&des, DES_OCTETS, out, in);
    explicit_bzero(&des, sizeof des);
}

void kerberos4_des_decrypt_pcbc(const uint8_t key[DES_OCTETS],
                                const uint8_t *in, size_t len, uint8_t *out)
{
    struct des_ctx des;
    uint8_t chain[DES_OCTETS];

    des_set_key(&des, key);
    memcpy(chain, key, sizeof chain);
    for (size_t at = 0; at + DES_OCTETS <= len; at += DES_OCTETS) {
        des_decrypt(&des, DES_OCTETS, out + at, in + at);
        for (size_t i = 0; i < DES_OCTETS; i++) {
            out[at + i] ^= chain[i];
            chain[i] = out[at + i] ^ in[at + i];
        }
    }
    explicit_bzero(&des, sizeof des);
    explicit_bzero(chain, sizeof chain);
}
