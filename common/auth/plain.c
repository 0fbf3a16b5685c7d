/* PLAIN (RFC 4616): one message with name and password. Runs in auth's cage. */

#include "auth/mechanisms.h"

#include <string.h>

/* Cuts off what stands before the next NUL. Returns -1 when there is none. */
static int cut(struct slice *rest, struct slice *field)
{
    const char *nul = memchr(rest->at, '\0', rest->len);

    if (nul == NULL)
        return -1;
    *field = (struct slice){rest->at, (size_t)(nul - rest->at)};
    rest->len -= field->len + 1;
    rest->at = nul + 1;
    return 0;
}

/* Nobody may act for somebody else. A NUL in the password does not fit a
 * string and is refused with it. */
void plain_take(const struct frame_order *order, struct slice message,
                struct proof *proof)
{
    struct slice acts_as, user;

    if (cut(&message, &acts_as) < 0 || cut(&message, &user) < 0)
        return;
    proof_take_password(proof, order, user, message);
    if (acts_as.len == 0 || proof_is_name(proof, order, acts_as))
        return;
    explicit_bzero(proof->password, sizeof proof->password);
    proof->unproven = false;
}

void plain_converse(struct auth_room *r, struct proof *proof)
{
    struct slice message;
    enum said said = dialogue_client_first(&r->dialogue, &message);

    proof->outcome = proof_of_silence(said);
    if (said == SAID_OCTETS)
        plain_take(r->order, message, proof);
}
