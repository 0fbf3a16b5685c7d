/* Base64: what decodes, encodes to the same text again; what does not, leaves
 * no trace; in place is as good as apart. */

#include "base/base64.h"
#include "target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    char *octets = malloc(size + 1), *place = malloc(size + 1);
    char *again = malloc(BASE64_TEXT(size) + 1);
    size_t len = (size_t)-1, len_in_place;

    MUST(octets != NULL && place != NULL && again != NULL);
    int result = base64_decode(text, octets, size, &len);
    memcpy(place, data, size);
    MUST(base64_decode((struct slice){place, size}, place, size,
                       &len_in_place) == result);
    if (result == 0) {
        MUST(len <= size && len == len_in_place &&
             memcmp(octets, place, len) == 0);
        MUST(base64_encode((struct slice){octets, len}, again) == size &&
             memcmp(again, data, size) == 0);
    } else {
        MUST(len == (size_t)-1);
    }
    size_t text_len = base64_encode(text, again);
    MUST(base64_decode((struct slice){again, text_len}, octets, size, &len) ==
             0 &&
         len == size && memcmp(octets, data, size) == 0);
    free(octets);
    free(place);
    free(again);
    return 0;
}
