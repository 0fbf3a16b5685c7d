/* Words and numbers of a command line: slices stay inside, numbers are what
 * their digits say. */

#include "base/slice.h"
#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size};
    char again[32];
    uint64_t number;

    while (rest.len > 0) {
        struct slice word = slice_word(&rest);
        MUST(word.at >= (const char *)data &&
             word.at + word.len <= (const char *)data + size);
        MUST(memchr(word.at, ' ', word.len) == NULL);
        if (slice_number(word, &number) == 0) {
            int len = snprintf(again, sizeof again, "%" PRIu64, number);
            MUST((size_t)len == word.len &&
                 memcmp(again, word.at, word.len) == 0);
        }
    }
    slice_trim((struct slice){(const char *)data, size});
    return 0;
}
