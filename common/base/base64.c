/* Base64. Runs in auth's cage; the text is the client's. */

#include "base/base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits an octet stands for, or -1. */
static int bits_of(char octet)
{
    if (octet >= 'A' && octet <= 'Z')
        return octet - 'A';
    if (octet >= 'a' && octet <= 'z')
        return octet - 'a' + 26;
    if (octet >= '0' && octet <= '9')
        return octet - '0' + 52;
    if (octet == '+')
        return 62;
    return octet == '/' ? 63 : -1;
}

/* Puts the octets of one group of four, of which the last padding ones are
 * "=", into to. Returns 0 or -1. */
static int decode_group(const char *at, size_t padding, unsigned char *to)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int bits = i < 4 - padding ? bits_of(at[i]) : 0;
        if (bits < 0)
            return -1;
        group = group << 6 | (uint32_t)bits;
    }
    uint32_t unused = padding == 2 ? 0xffff : padding == 1 ? 0xff : 0;
    if ((group & unused) != 0)
        return -1;
    to[0] = (unsigned char)(group >> 16);
    to[1] = (unsigned char)(group >> 8);
    to[2] = (unsigned char)group;
    return 0;
}

static size_t padding_of(struct slice text)
{
    if (text.len == 0 || text.at[text.len - 1] != '=')
        return 0;
    return text.at[text.len - 2] == '=' ? 2 : 1;
}

int base64_decode(struct slice text, char *to, size_t size, size_t *len)
{
    unsigned char group[3];

    if (text.len % 4 != 0) {
        errno = EINVAL;
        return -1;
    }
    size_t padding = padding_of(text);
    size_t total = text.len / 4 * 3 - padding;
    if (total > size) {
        errno = ENOSPC;
        return -1;
    }
    for (size_t i = 0; i < text.len / 4; i++) {
        bool last = (i + 1) * 4 == text.len;
        if (decode_group(text.at + i * 4, last ? padding : 0, group) < 0) {
            errno = EINVAL;
            return -1;
        }
        memcpy(to + i * 3, group, last ? 3 - padding : 3);
    }
    *len = total;
    return 0;
}

size_t base64_encode(struct slice octets, char *to)
{
    char *start = to;

    for (size_t i = 0; i < octets.len; i += 3) {
        size_t left = octets.len - i;
        const unsigned char *at = (const unsigned char *)octets.at + i;
        uint32_t group = (uint32_t)at[0] << 16 |
                         (left > 1 ? (uint32_t)at[1] << 8 : 0) |
                         (left > 2 ? at[2] : 0);
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        *to++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[group & 63] : '=';
    }
    return (size_t)(to - start);
}
