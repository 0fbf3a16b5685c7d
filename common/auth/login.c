/* LOGIN, which no RFC describes: name and password, each asked for. Some
 * clients send the name with AUTH. Runs in auth's cage. */

#include "auth/mechanisms.h"

#include <string.h>

static enum said ask_user(struct dialogue *d, struct slice *user)
{
    enum said said = dialogue_begin(d, user);

    return said == SAID_NOTHING ? dialogue_ask(d, slice_of("Username:"), user)
                                : said;
}

void login_converse(struct auth_room *r, struct proof *proof)
{
    char name[TEXT_USER] = "";
    struct slice words;
    enum said said = ask_user(&r->dialogue, &words);

    if (said == SAID_OCTETS) {
        if (slice_copy(words, name, sizeof name) < 0)
            name[0] = '\0';
        said = dialogue_ask(&r->dialogue, slice_of("Password:"), &words);
    }
    proof->outcome = proof_of_silence(said);
    if (said == SAID_OCTETS)
        proof_take_password(proof, r->order, slice_of(name), words);
}
