/* What a client says in AUTH. The first octet says to whom: PLAIN, CRAM-MD5, or
 * SCRAM, whose two messages are separated by a NUL. Nobody gets in. */

#include "auth/mechanisms.h"
#include "auth/scram.h"
#include "target.h"

#include <string.h>

static void to_plain(const struct frame_order *order, struct slice message)
{
    struct proof proof = {.outcome = OUTCOME_REFUSED};

    plain_take(order, message, &proof);
    MUST(proof_check(&proof) && proof.outcome == OUTCOME_REFUSED);
    if (proof.unproven) {
        MUST(strlen(proof.name) + strlen(proof.password) < message.len);
        MUST(proof.name[0] != '\0' || proof.password[0] == '\0' ||
             message.len > 0);
    }
}

static void to_cram(const struct frame_order *order, struct slice message)
{
    struct proof proof = {.outcome = OUTCOME_REFUSED};
    struct slice user, digits;

    if (cram_md5_split(message, &user, &digits) < 0)
        return;
    MUST(user.len + digits.len + 1 == message.len);
    if (proof_take_name(&proof, order, user) == 0)
        MUST(proof.name[0] != '\0' && proof_is_name(&proof, order, user));
}

static void to_scram(const struct frame_order *order, struct slice message)
{
    static struct scram s;
    struct proof proof = {.outcome = OUTCOME_REFUSED};
    unsigned char signature[DIGEST_MOST];
    const char *nul = memchr(message.at, '\0', message.len);
    size_t first = nul != NULL ? (size_t)(nul - message.at) : message.len;

    memset(&s, 0, sizeof s);
    s.hash = &scram_sha_256;
    if (scram_take_first(&s, (struct slice){message.at, first}) < 0)
        return;
    MUST(s.header_len < s.first_len && s.nonce_len > 0);
    MUST(s.user.len + s.acts_as.len <= sizeof s.names);
    proof_take_name(&proof, order, s.user);
    s.keys.known = true;
    s.keys.iterations = 1;
    s.keys.salt_len = SCRAM_SALT_MOST;
    s.keys.password = slice_of("secret");
    scram_make_second(&s, "nonce");
    MUST(s.second_len < sizeof s.second && s.nonce_len <= sizeof s.nonce);
    if (nul == NULL)
        return;
    struct slice last = {nul + 1, message.len - first - 1};
    MUST(!scram_check_proof(&s, last, signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct frame_order order = {.domains = "example.org"};

    if (size == 0)
        return 0;
    const struct slice message = {(const char *)data + 1, size - 1};
    if (data[0] % 3 == 0)
        to_plain(&order, message);
    else if (data[0] % 3 == 1)
        to_cram(&order, message);
    else
        to_scram(&order, message);
    return 0;
}
