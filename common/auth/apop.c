/* APOP (RFC 1939): the digest of the greeting's timestamp and the secret. Runs
 * in auth's cage; the timestamp comes from the monitor, never from front. */

#include "auth/mechanisms.h"

void apop_digest(struct slice challenge, struct slice secret, char hex[MD5_HEX])
{
    const struct slice parts[] = {challenge, secret};
    unsigned char octets[DIGEST_MOST];

    digest_of(DIGEST_MD5, parts, 2, octets);
    digest_hex(octets, digest_octets(DIGEST_MD5), hex);
}

void apop_converse(struct auth_room *r, struct proof *proof)
{
    struct slice secret;
    char hex[MD5_HEX];

    auth_room_hear_password(r, proof);
    if (!proof->unproven)
        return;
    proof->unproven = false;
    if (r->order->stamp[0] == '\0' || !password_of(r, proof, &secret))
        return;
    apop_digest(slice_of(r->order->stamp), secret, hex);
    if (md5_hex_is(hex, slice_of(proof->password)))
        proof->outcome = OUTCOME_ACCEPTED;
}
