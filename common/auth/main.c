/*
 * The auth program: born for one login, dead when it is decided. It knows the
 * mechanisms that need no library of their own; how it lives is in room.c.
 */

#include "auth/mechanisms.h"

void password_converse(struct auth_room *r, struct proof *proof)
{
    auth_room_hear_password(r, proof);
}

static const struct auth_row rows[] = {
    {MECHANISM_PASSWORD, NULL, NULL, password_converse, NULL, NULL},
    {MECHANISM_PLAIN, NULL, NULL, plain_converse, NULL, NULL},
    {MECHANISM_LOGIN, NULL, NULL, login_converse, NULL, NULL},
    {MECHANISM_APOP, NULL, NULL, apop_converse, NULL, NULL},
    {MECHANISM_CRAM_MD5, NULL, NULL, cram_md5_converse, NULL, NULL},
    {MECHANISM_SCRAM_SHA_1, NULL, NULL, scram_sha_1_converse, NULL, NULL},
    {MECHANISM_SCRAM_SHA_256, NULL, NULL, scram_sha_256_converse, NULL, NULL},
};

int main(void)
{
    auth_room_live(rows, sizeof rows / sizeof *rows);
}
