#ifndef BASE_STAMP_H
#define BASE_STAMP_H

#include <stddef.h>

/*
 * A message identifier such as APOP (RFC 1939) and CRAM-MD5 (RFC 2195) begin
 * with: "<", 128 random bits in hexadecimal, ".", the time, "@", host, ">".
 * host is left out for "localhost" when it is no host name. Returns 0, or -1
 * with errno: it does not fit, or the kernel gives no random octets.
 */
int stamp_make(char *to, size_t size, const char *host);

#endif
