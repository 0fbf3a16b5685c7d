/* The secret file: what is found is inside it, and only for a whole name. */

#include "auth/secrets.h"
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
    secrets_forget(&s);
    return 0;
}
