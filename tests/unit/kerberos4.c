/*
 * Decides about KERBEROS_V4 exchanges, built with sanitizers whatever the rest
 * is built with. Without arguments: about the one that a real KDC, a real
 * client and this clock-free code must agree on. With FILE SERVICES PEER:
 * loads the keys and reads exchanges, one a line:
 *
 *   NOW CHALLENGE REQUEST CHOICE     decimal, then hexadecimal; - is nothing
 *
 * and says of each what became of the request and, if it was accepted, the
 * answer, what became of the choice, and whether the ticket is from elsewhere.
 */

#include "auth/kerberos4.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OCTETS_MAX = 32768
};

struct octets {
    uint8_t *at; /* exactly len of them: a sanitizer sees the end */
    size_t len;
};

static struct octets unhex(const char *text)
{
    struct octets o = {NULL, text[0] == '-' ? 0 : strlen(text) / 2};

    o.at = malloc(o.len > 0 ? o.len : 1);
    if (o.at == NULL)
        abort();
    for (size_t i = 0; i < o.len; i++)
        if (sscanf(text + 2 * i, "%2hhx", &o.at[i]) != 1)
            abort();
    return o;
}

static void say_answer(const struct kerberos4_client *client)
{
    uint8_t answer[DES_OCTETS];

    kerberos4_answer(client, answer);
    putchar(' ');
    for (size_t i = 0; i < sizeof answer; i++)
        printf("%02x", answer[i]);
}

static void decide(const struct kerberos4_keys *keys, const char *peer,
                   int64_t now, uint32_t challenge, struct octets request,
                   struct octets choice)
{
    struct kerberos4_client client = {.challenge = challenge};
    enum kerberos4_result result =
        kerberos4_hear_request(&client, keys, request.at, request.len, now);

    fputs(kerberos4_result_text(result), stdout);
    if (result == KERBEROS4_ACCEPTED) {
        say_answer(&client);
        result = kerberos4_hear_choice(&client, choice.at, choice.len,
                                       "example.net\0example.org\0");
        printf(" %s %s", kerberos4_result_text(result),
               kerberos4_is_elsewhere(&client, peer) ? "elsewhere" : "here");
    }
    putchar('\n');
}

static int decide_all(const struct kerberos4_keys *keys, const char *peer)
{
    static char line[3 * OCTETS_MAX], request[OCTETS_MAX], choice[OCTETS_MAX];
    uint32_t challenge;
    int64_t now;

    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%" SCNd64 " %" SCNu32 " %32767s %32767s", &now,
                   &challenge, request, choice) != 4)
            return 1;
        struct octets first = unhex(request), second = unhex(choice);
        decide(keys, peer, now, challenge, first, second);
        free(first.at);
        free(second.at);
    }
    return 0;
}

/* The recorded exchange, with the key it was made with. */
static int check_recorded(void)
{
    static const struct kerberos4_key key = {
        .service = "pop",
        .instance = "localhost",
        .realm = "TEST.EXAMPLE",
        .version = 3,
        .key = {0x4a, 0xc2, 0x25, 0x3e, 0xd5, 0x4c, 0x64, 0xf4}};
    struct octets request = unhex(
        "040603544553542e4558414d504c4500382078f0cffe36a4ad3ab9fdc6c5f5f097f0e5"
        "3b87d1a8ca49992a3b4324ae42928d194743e20982ba000781bc9df7a4f203ef6e9028"
        "9d3a42775bea69dcac3fc291fd2050db94972d1288c7f6cdef77f415d763b46e120ad5"
        "33");
    struct octets answer = unhex("ab5c4875fce12a18");
    struct octets choice = unhex("8dd94159afef6379327c4e66d2f1dd41");
    struct kerberos4_client client = {.challenge = 0x68ec76b8};
    struct kerberos4_keys keys;
    uint8_t said[DES_OCTETS];

    kerberos4_keys_begin(&keys, "pop");
    bool right = kerberos4_keys_add(&keys, &key) == 0 &&
                 kerberos4_hear_request(&client, &keys, request.at, request.len,
                                        0x6b042ebd) == KERBEROS4_ACCEPTED;
    kerberos4_answer(&client, said);
    right = right && memcmp(said, answer.at, answer.len) == 0 &&
            kerberos4_hear_choice(&client, choice.at, choice.len, "") ==
                KERBEROS4_ACCEPTED &&
            strcmp(client.user, "alice") == 0;
    free(request.at);
    free(answer.at);
    free(choice.at);
    return right ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct kerberos4_keys keys;

    if (argc != 4)
        return check_recorded();
    kerberos4_keys_begin(&keys, argv[2]);
    if (kerberos4_keys_load(&keys, argv[1]) < 0) {
        printf("keys: %s\n", strerrorname_np(errno));
        return 0;
    }
    printf("keys: %zu\n", keys.count);
    fflush(stdout);
    return decide_all(&keys, argv[3]);
}
