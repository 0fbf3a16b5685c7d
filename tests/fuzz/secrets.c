/* The secret file: what is found is inside it, and only for a whole name. */

#include "auth/scram_keys.h"
#include "target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct slice secret;

    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    struct secrets s = {text, size};
    if (secrets_find(&s, "alice", &secret)) {
        MUST(secret.at >= text && secret.at + secret.len <= text + size);
        MUST(secret.len > 0);
        secrets_equal(secret, "secret");
    }
    MUST(!secrets_find(&s, "", &secret));
    if (secrets_find_password(&s, "alice", &secret))
        MUST(secret.len > 0 && secret.at + secret.len <= text + size);
    struct scram_keys keys;
    scram_keys_find(&scram_sha_256, &s, "alice", &keys);
    MUST(keys.iterations > 0 && keys.iterations <= SCRAM_ITERATIONS_MOST &&
         keys.salt_len > 0 && keys.salt_len <= SCRAM_SALT_MOST);
    MUST(!keys.known || secrets_find(&s, "alice", &secret));
    scram_keys_find(&scram_sha_1, &s, "", &keys);
    MUST(!keys.known && keys.salt_len > 0);
    secrets_forget(&s);
    return 0;
}
