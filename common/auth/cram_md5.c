/* CRAM-MD5 (RFC 2195): the digest of a challenge, keyed by the secret. Runs in
 * auth's cage. */

#include "auth/mechanisms.h"
#include "base/stamp.h"

#include <string.h>

bool md5_hex_is(const char hex[MD5_HEX], struct slice digits)
{
    return digits.len == MD5_HEX - 1 &&
           digest_equal(digits.at, hex, digits.len);
}

bool password_of(const struct auth_room *r, struct proof *proof,
                 struct slice *password)
{
    struct slice any;

    if (secrets_find_password(&r->secrets, proof->name, password))
        return true;
    if (secrets_find(&r->secrets, proof->name, &any))
        proof->remark = REMARK_SALTED;
    return false;
}

void cram_md5_digest(struct slice challenge, struct slice secret,
                     char hex[MD5_HEX])
{
    unsigned char octets[DIGEST_MOST];

    digest_hmac(DIGEST_MD5, secret, &challenge, 1, octets);
    digest_hex(octets, digest_octets(DIGEST_MD5), hex);
}

int cram_md5_split(struct slice response, struct slice *user,
                   struct slice *digits)
{
    const char *space =
        response.len > 0 ? memrchr(response.at, ' ', response.len) : NULL;

    if (space == NULL)
        return -1;
    *user = (struct slice){response.at, (size_t)(space - response.at)};
    *digits = (struct slice){space + 1, response.len - user->len - 1};
    return 0;
}

void cram_md5_converse(struct auth_room *r, struct proof *proof)
{
    struct slice response, user, digits, secret;
    char stamp[TEXT_STAMP], hex[MD5_HEX];

    if (stamp_make(stamp, sizeof stamp, r->host) < 0)
        return;
    enum said said =
        dialogue_server_first(&r->dialogue, slice_of(stamp), &response);
    proof->outcome = proof_of_silence(said);
    if (said != SAID_OCTETS || cram_md5_split(response, &user, &digits) < 0 ||
        proof_take_name(proof, r->order, user) < 0 ||
        !password_of(r, proof, &secret))
        return;
    cram_md5_digest(slice_of(stamp), secret, hex);
    if (md5_hex_is(hex, digits))
        proof->outcome = OUTCOME_ACCEPTED;
}
