/* Digests, base64 and the messages of APOP, CRAM-MD5 and SCRAM against the
 * examples of their RFCs. */

#include "auth/mechanisms.h"
#include "auth/scram.h"
#include "base/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void is(const char *what, const char *got, const char *wanted)
{
    if (strcmp(got, wanted) == 0)
        return;
    printf("%s: %s instead of %s\n", what, got, wanted);
    failures++;
}

static void must(const char *what, bool good)
{
    if (good)
        return;
    printf("%s\n", what);
    failures++;
}

/* RFC 1939, section 7; RFC 2195, section 2. */
static void test_apop_and_cram(void)
{
    char hex[MD5_HEX];
    struct slice user, digits;

    apop_digest(slice_of("<1896.697170952@dbc.mtview.ca.us>"),
                slice_of("tanstaaf"), hex);
    is("APOP", hex, "c4c9334bac560ecc979e58001b3e22fb");
    cram_md5_digest(slice_of("<1896.697170952@postoffice.reston.mci.net>"),
                    slice_of("tanstaaftanstaaf"), hex);
    is("CRAM-MD5", hex, "b913a602c7eda7a495b4e6e7334d3890");
    must("a name with spaces",
         cram_md5_split(slice_of("a b c"), &user, &digits) == 0 &&
             user.len == 3 && digits.len == 1);
    must("no space", cram_md5_split(slice_of("abc"), &user, &digits) < 0);
    must("nothing", cram_md5_split(slice_of(""), &user, &digits) < 0);
}

/* RFC 2202 and RFC 4231: keys longer than a block. RFC 6070. */
static void test_hmac(void)
{
    const struct slice message =
        slice_of("Test Using Larger Than Block-Size Key - Hash Key First");
    char key[131], hex[DIGEST_HEX_MOST];
    unsigned char octets[DIGEST_MOST];

    memset(key, 0xaa, sizeof key);
    digest_hmac(DIGEST_SHA_256, (struct slice){key, 131}, &message, 1, octets);
    is("HMAC-SHA-256", digest_hex(octets, 32, hex),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_hmac(DIGEST_SHA_1, (struct slice){key, 80}, &message, 1, octets);
    is("HMAC-SHA-1", digest_hex(octets, 20, hex),
       "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    digest_hmac(DIGEST_MD5, (struct slice){key, 80}, &message, 1, octets);
    is("HMAC-MD5", digest_hex(octets, 16, hex),
       "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    digest_pbkdf2(DIGEST_SHA_1, slice_of("password"), slice_of("salt"), 4096,
                  octets);
    is("PBKDF2", digest_hex(octets, 20, hex),
       "4b007901b765489abead49d926f721d065a429c1");
}

static void text_of(const unsigned char *octets, size_t len, char *text)
{
    size_t n = base64_encode((struct slice){(const char *)octets, len}, text);

    text[n] = '\0';
}

/* One example: the user is "user", the password "pencil". */
static void test_scram(const struct scram_hash *hash, const char *first,
                       const char *ours, const char *salt, const char *second,
                       const char *final, const char *signature)
{
    static struct scram s;
    unsigned char octets[DIGEST_MOST];
    char text[BASE64_TEXT(DIGEST_MOST) + 1];

    memset(&s, 0, sizeof s);
    s.hash = hash;
    must("client-first", scram_take_first(&s, slice_of(first)) == 0);
    must("user", s.user.len == 4 && memcmp(s.user.at, "user", 4) == 0);
    s.keys.known = true;
    s.keys.password = slice_of("pencil");
    s.keys.iterations = 4096;
    must("salt", base64_decode(slice_of(salt), (char *)s.keys.salt,
                               SCRAM_SALT_MOST, &s.keys.salt_len) == 0);
    scram_make_second(&s, ours);
    s.second[s.second_len] = '\0';
    is("server-first", s.second, second);
    must("proof", scram_check_proof(&s, slice_of(final), octets));
    text_of(octets, digest_octets(hash->digest), text);
    is("signature", text, signature);
    s.keys.known = false;
    must("an unknown user's proof is wrong",
         !scram_check_proof(&s, slice_of(final), octets));
    s.keys.known = true;
    s.keys.password = slice_of("pencil2");
    must("a wrong password's proof is wrong",
         !scram_check_proof(&s, slice_of(final), octets));
}

/* RFC 5802, section 5; RFC 7677, section 3. */
static void test_scram_examples(void)
{
    test_scram(&scram_sha_1, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
               "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
               "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
               "s=QSXCR+Q6sek8bf92,i=4096",
               "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
               "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
               "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    test_scram(&scram_sha_256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
               "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==",
               "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
               "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
               "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
               "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
               "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

static bool is_first(const char *message)
{
    static struct scram s;

    memset(&s, 0, sizeof s);
    s.hash = &scram_sha_256;
    return scram_take_first(&s, slice_of(message)) == 0;
}

static void test_scram_refused(void)
{
    must("escapes", is_first("y,a=a=2Cb,n=a=3Db,r=x,x=y"));
    must("channel binding", !is_first("p=tls-unique,,n=user,r=x"));
    must("an extension it must know", !is_first("n,,m=x,n=user,r=x"));
    must("no nonce", !is_first("n,,n=user"));
    must("an empty nonce", !is_first("n,,n=user,r="));
    must("an escape that is none", !is_first("n,,n=us=2der,r=x"));
    must("half an escape", !is_first("n,,n=user=2,r=x"));
    must("an empty name to act as", !is_first("n,a=,n=user,r=x"));
    must("nothing", !is_first(""));
    must("a header alone", !is_first("n,,"));
}

/* From the file: salted, plain, and nobody. */
static void test_scram_users(void)
{
    static const char file[] =
        "# users\n"
        "first\tsecret\n"
        "user\t{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n"
        "broken\t{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,x,y\n"
        "user\tpencil\n";
    struct secrets secrets = {(char *)(uintptr_t)file, sizeof file - 1};
    struct scram_keys keys, again;
    struct slice found, salted;

    scram_keys_find(&scram_sha_256, &secrets, "user", &keys);
    must("salted",
         keys.known && keys.password.at == NULL && keys.salt_len == 16);
    scram_keys_find(&scram_sha_1, &secrets, "user", &keys);
    must("the plain line serves what the salted one cannot",
         keys.known && keys.password.len == 6);
    scram_keys_find(&scram_sha_256, &secrets, "nobody", &keys);
    scram_keys_find(&scram_sha_256, &secrets, "nobody", &again);
    must("nobody has a salt, always the same",
         !keys.known && keys.salt_len == 16 && keys.iterations == 4096 &&
             memcmp(keys.salt, again.salt, 16) == 0);
    scram_keys_find(&scram_sha_256, &secrets, "nobodz", &again);
    must("another has another", memcmp(keys.salt, again.salt, 16) != 0);
    scram_keys_find(&scram_sha_256, &secrets, "broken", &keys);
    must("a malformed line is nobody's", !keys.known);
    must("a salted line is no password",
         secrets_find_password(&secrets, "user", &found) && found.len == 6);
    must("matching", secrets_first_salted(&secrets, "SCRAM-SHA-256", &salted) &&
                         scram_keys_match(&scram_sha_256, salted, "pencil") &&
                         !scram_keys_match(&scram_sha_256, salted, "pencil2"));
}

/* RFC 4648, section 10, and what is none. */
static void test_base64(void)
{
    static const char *const good[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {
        "Zg",    "Zg=",   "Z===",  "====",  "Zg==Zg==", "Zm9v\n",
        " Zm9v", "Zm 9v", "Zm9\r", "Zh==",  "Zm9=",     "=m9v",
        "Zm=v",  "Zm9-",  "Zm9_",  "Zm9v=", "*"};
    char text[16], octets[16];
    size_t len;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        text[base64_encode(slice_of(good[i][0]), text)] = '\0';
        is("encoded", text, good[i][1]);
        must(good[i][1], base64_decode(slice_of(good[i][1]), octets,
                                       sizeof octets, &len) == 0 &&
                             len == strlen(good[i][0]) &&
                             memcmp(octets, good[i][0], len) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        must(bad[i],
             base64_decode(slice_of(bad[i]), octets, sizeof octets, &len) < 0);
    must("too long", base64_decode(slice_of("Zm9v"), octets, 2, &len) < 0);
}

int main(void)
{
    test_apop_and_cram();
    test_hmac();
    test_scram_examples();
    test_scram_refused();
    test_scram_users();
    test_base64();
    return failures == 0 ? 0 : 1;
}
