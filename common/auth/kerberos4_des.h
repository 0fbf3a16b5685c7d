#ifndef AUTH_KERBEROS4_DES_H
#define AUTH_KERBEROS4_DES_H

/* Single DES as Kerberos 4 uses it. It protects nobody today; it is here
 * because the protocol is made of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DES_OCTETS = 8 /* of a key and of a block */
};

/* Is it none of DES's weak and semi-weak keys? Parity bits do not count. */
bool kerberos4_des_is_strong(const uint8_t key[DES_OCTETS]);

/* Encrypts one block. */
void kerberos4_des_encrypt(const uint8_t key[DES_OCTETS],
                           const uint8_t in[DES_OCTETS],
                           uint8_t out[DES_OCTETS]);

/* Decrypts len octets, a multiple of 8, in PCBC mode with the key as initial
 * vector. out has room for len octets and does not overlap in. */
void kerberos4_des_decrypt_pcbc(const uint8_t key[DES_OCTETS],
                                const uint8_t *in, size_t len, uint8_t *out);

#endif
