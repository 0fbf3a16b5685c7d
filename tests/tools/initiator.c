/*
 * A GSS-API client that does what it is told, for the tests: reads commands,
 * one a line, and answers each with a line. Octets are hexadecimal, "-" stands
 * for none.
 *
 *     target SERVICE@HOST [mutual]     "ok"
 *     fatten SERVICE/HOST COUNT        "ok"
 *     token OCTETS                     "more OCTETS" or "done OCTETS"
 *     unwrap OCTETS, wrap OCTETS       "octets OCTETS"
 *
 * or "failed" and the library's words. fatten fetches a ticket that carries so
 * many octets more than it must.
 */

#include <ctype.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE = 400000
};

static gss_name_t target;
static gss_ctx_id_t context;
static OM_uint32 flags;

static void print(const char *word, const gss_buffer_desc *octets)
{
    printf("%s ", word);
    for (size_t i = 0; i < octets->length; i++)
        printf("%02x", ((unsigned char *)octets->value)[i]);
    puts(octets->length == 0 ? "-" : "");
}

static void fail(OM_uint32 major, OM_uint32 minor)
{
    OM_uint32 ignored, more = 0;
    gss_buffer_desc text;

    printf("failed %u %u ", (unsigned)major, (unsigned)minor);
    gss_display_status(&ignored, minor, GSS_C_MECH_CODE, gss_mech_krb5, &more,
                       &text);
    printf("%.*s\n", (int)text.length, (char *)text.value);
}

static gss_buffer_desc octets_of(const char *hex)
{
    gss_buffer_desc b = {0, malloc(LINE / 2)};
    unsigned octet;

    while (isxdigit((unsigned char)hex[0]) && sscanf(hex, "%2x", &octet) == 1) {
        ((unsigned char *)b.value)[b.length++] = (unsigned char)octet;
        hex += 2;
    }
    return b;
}

static void do_target(char *words)
{
    OM_uint32 minor;
    const char *name = strtok(words, " ");
    const char *mutual = strtok(NULL, " ");
    gss_buffer_desc b = {strlen(name), (void *)(size_t)name};

    flags = GSS_C_INTEG_FLAG | (mutual != NULL ? GSS_C_MUTUAL_FLAG : 0);
    OM_uint32 major =
        gss_import_name(&minor, &b, GSS_C_NT_HOSTBASED_SERVICE, &target);
    if (major != GSS_S_COMPLETE)
        fail(major, minor);
    else
        puts("ok");
}

/* As authorization data that says nothing, which a KDC copies into the ticket;
 * others' tickets grow like this by lists of groups. */
static krb5_error_code fetch(krb5_context kerberos, const char *service,
                             unsigned count)
{
    krb5_authdata nothing = {
        .ad_type = -4242, .length = count, .contents = calloc(count + 1, 1)};
    krb5_authdata *list[] = {&nothing, NULL};
    krb5_creds wanted = {.authdata = list}, *got;
    krb5_ccache cache;
    krb5_error_code error = krb5_cc_default(kerberos, &cache);

    if (error == 0)
        error = krb5_cc_get_principal(kerberos, cache, &wanted.client);
    if (error == 0)
        error = krb5_parse_name(kerberos, service, &wanted.server);
    if (error == 0)
        error = krb5_get_credentials(kerberos, KRB5_GC_NO_STORE, cache, &wanted,
                                     &got);
    if (error != 0)
        return error;
    got->authdata = NULL; /* else it is found by whoever asks for the same */
    return krb5_cc_store_cred(kerberos, cache, got);
}

static void do_fatten(char *words)
{
    const char *service = strtok(words, " ");
    const char *count = strtok(NULL, " ");
    krb5_context kerberos;
    krb5_error_code error = krb5_init_context(&kerberos);

    if (error == 0)
        error = fetch(kerberos, service, (unsigned)strtoul(count, NULL, 10));
    if (error != 0)
        printf("failed %ld\n", (long)error);
    else
        puts("ok");
}

static void do_token(const char *hex)
{
    gss_buffer_desc in = octets_of(hex), out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    OM_uint32 major = gss_init_sec_context(
        &minor, GSS_C_NO_CREDENTIAL, &context, target,
        (gss_OID)(size_t)gss_mech_krb5, flags, 0, GSS_C_NO_CHANNEL_BINDINGS,
        &in, NULL, &out, NULL, NULL);

    if (GSS_ERROR(major))
        fail(major, minor);
    else
        print(major == GSS_S_COMPLETE ? "done" : "more", &out);
}

static void do_wrap(const char *hex, int unwrap)
{
    gss_buffer_desc in = octets_of(hex), out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    OM_uint32 major =
        unwrap
            ? gss_unwrap(&minor, context, &in, &out, NULL, NULL)
            : gss_wrap(&minor, context, 0, GSS_C_QOP_DEFAULT, &in, NULL, &out);

    if (major != GSS_S_COMPLETE)
        fail(major, minor);
    else
        print("octets", &out);
}

int main(void)
{
    char *line = malloc(LINE);

    while (line != NULL && fgets(line, LINE, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = strchr(line, ' ');
        if (rest == NULL)
            return 1;
        *rest++ = '\0';
        if (strcmp(line, "target") == 0)
            do_target(rest);
        else if (strcmp(line, "fatten") == 0)
            do_fatten(rest);
        else if (strcmp(line, "token") == 0)
            do_token(rest);
        else
            do_wrap(rest, strcmp(line, "unwrap") == 0);
        fflush(stdout);
    }
    return 0;
}
