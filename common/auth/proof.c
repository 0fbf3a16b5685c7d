/* Names and passwords on their way from a mechanism to a decision. Runs in
 * auth, mostly in its cage; what it is given is the client's. */

#include "auth/proof.h"

#include <string.h>

static struct slice without_domain(const struct frame_order *order,
                                   struct slice user)
{
    const char *at = user.len > 0 ? memrchr(user.at, '@', user.len) : NULL;

    if (at == NULL)
        return user;
    struct slice domain = {at + 1, user.len - (size_t)(at + 1 - user.at)};
    for (const char *d = order->domains; *d != '\0'; d += strlen(d) + 1)
        if (slice_is(domain, d))
            return (struct slice){user.at, (size_t)(at - user.at)};
    return user;
}

int proof_take_name(struct proof *proof, const struct frame_order *order,
                    struct slice user)
{
    struct slice name = without_domain(order, user);

    memset(proof->name, 0, sizeof proof->name);
    if (slice_copy(name, proof->name, sizeof proof->name) < 0)
        proof->name[0] = '\0';
    memcpy(proof->claimed, proof->name, sizeof proof->claimed);
    if (slice_has_control(name))
        memset(proof->name, 0, sizeof proof->name);
    return proof->name[0] != '\0' ? 0 : -1;
}

bool proof_is_name(const struct proof *proof, const struct frame_order *order,
                   struct slice user)
{
    struct slice name = without_domain(order, user);

    return name.len == strlen(proof->name) &&
           memcmp(name.at, proof->name, name.len) == 0;
}

void proof_take_password(struct proof *proof, const struct frame_order *order,
                         struct slice user, struct slice password)
{
    proof_take_name(proof, order, user);
    /* A password that does not fit is as wrong as any other. */
    if (slice_copy(password, proof->password, sizeof proof->password) < 0)
        proof->name[0] = proof->password[0] = '\0';
    proof->unproven = true;
}

enum outcome proof_of_silence(enum said said)
{
    return said == SAID_CANCEL || said == SAID_GONE ? OUTCOME_CANCELLED
                                                    : OUTCOME_REFUSED;
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

bool proof_check(const struct proof *proof)
{
    return (unsigned)proof->outcome < OUTCOME_COUNT &&
           proof->remark < REMARK_COUNT &&
           ends(proof->claimed, sizeof proof->claimed) &&
           ends(proof->name, sizeof proof->name) &&
           ends(proof->password, sizeof proof->password) &&
           ends(proof->principal, sizeof proof->principal);
}
