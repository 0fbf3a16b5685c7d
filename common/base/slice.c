/* Views of octets owned by somebody else. Runs in every room; trusts none of
 * the octets it is shown. */

#include "base/slice.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

bool slice_is(struct slice s, const char *word)
{
    return strlen(word) == s.len && strncasecmp(s.at, word, s.len) == 0;
}

bool slice_has_control(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char octet = (unsigned char)s.at[i];
        if (octet < 0x20 || octet == 0x7f)
            return true;
    }
    return false;
}

struct slice slice_word(struct slice *rest)
{
    while (rest->len > 0 && rest->at[0] == ' ') {
        rest->at++;
        rest->len--;
    }
    struct slice word = {rest->at, 0};
    while (word.len < rest->len && word.at[word.len] != ' ')
        word.len++;
    rest->at += word.len;
    rest->len -= word.len;
    return word;
}

static bool is_space(char octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

int slice_number(struct slice s, uint64_t *value)
{
    uint64_t number = 0;

    if (s.len == 0 || (s.len > 1 && s.at[0] == '0')) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') {
            errno = EINVAL;
            return -1;
        }
        unsigned digit = (unsigned)(s.at[i] - '0');
        if (number > ((uint64_t)INT64_MAX - digit) / 10) {
            errno = ERANGE;
            return -1;
        }
        number = number * 10 + digit;
    }
    *value = number;
    return 0;
}

int slice_copy(struct slice s, char *to, size_t size)
{
    if (s.len >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (memchr(s.at, '\0', s.len) != NULL) {
        errno = EINVAL;
        return -1;
    }
    memcpy(to, s.at, s.len);
    to[s.len] = '\0';
    return 0;
}
