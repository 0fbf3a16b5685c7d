/* Kerberos 5 by its GSS-API. Loads as whoever started the daemon, then runs in
 * the cage, where tokens are the client's and the library reads no file but
 * that of used tickets. */

#include "auth/gssapi.h"
#include "rooms/contract.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <string.h>

#define KEYTAB "MEMORY:pop"

static const char service[] = "pop";

/* ---- keys ---- */

static bool is_ours(krb5_const_principal principal)
{
    return principal->length == 2 &&
           principal->data[0].length == sizeof service - 1 &&
           memcmp(principal->data[0].data, service, sizeof service - 1) == 0;
}

/* Copies our keys; a keytab often holds those of other services, too. Returns
 * how many. */
static size_t copy_keys(struct gssapi *g, krb5_keytab from)
{
    krb5_kt_cursor cursor;
    krb5_keytab_entry entry;
    size_t count = 0;

    if (krb5_kt_start_seq_get(g->kerberos, from, &cursor) != 0)
        return 0;
    while (krb5_kt_next_entry(g->kerberos, from, &entry, &cursor) == 0) {
        if (is_ours(entry.principal) &&
            krb5_kt_add_entry(g->kerberos, g->keytab, &entry) == 0)
            count++;
        krb5_free_keytab_entry_contents(g->kerberos, &entry);
    }
    krb5_kt_end_seq_get(g->kerberos, from, &cursor);
    return count;
}

static int load_keys(struct gssapi *g, const char *path)
{
    char name[TEXT_PATH + sizeof "FILE:"];
    krb5_keytab file;

    snprintf(name, sizeof name, "FILE:%s", path);
    if (krb5_init_context(&g->kerberos) != 0 ||
        krb5_kt_resolve(g->kerberos, KEYTAB, &g->keytab) != 0 ||
        krb5_kt_resolve(g->kerberos, name, &file) != 0)
        return -1;
    size_t count = copy_keys(g, file);
    krb5_kt_close(g->kerberos, file);
    return count > 0 ? 0 : -1;
}

int gssapi_load(struct gssapi *g, const char *keytab, const char *replays)
{
    char cache[TEXT_PATH + 32] = "none:";
    gss_OID_set_desc kerberos = {1, gss_mech_krb5};
    gss_key_value_element_desc elements[] = {{"keytab", KEYTAB},
                                             {"rcache", cache}};
    gss_key_value_set_desc store = {2, elements};
    OM_uint32 minor;

    if (replays[0] != '\0')
        snprintf(cache, sizeof cache, "file2:%s", replays);
    if (load_keys(g, keytab) < 0 ||
        gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE,
                              &kerberos, GSS_C_ACCEPT, &store, &g->acceptor,
                              NULL, NULL) != GSS_S_COMPLETE)
        return -1;
    return 0;
}

void gssapi_forget_key(struct gssapi *g)
{
    OM_uint32 minor;

    gss_release_cred(&minor, &g->acceptor);
    krb5_kt_close(g->kerberos, g->keytab);
    krb5_free_context(g->kerberos);
    g->kerberos = NULL;
}

/* ---- the context ---- */

/* Lends what the library gave, and gives back what it lent before. */
static struct slice lend(struct gssapi *g, gss_buffer_desc fresh)
{
    OM_uint32 minor;

    gss_release_buffer(&minor, &g->given);
    g->given = fresh;
    return (struct slice){fresh.value, fresh.length};
}

static gss_buffer_desc buffer_of(struct slice s)
{
    return (gss_buffer_desc){s.len, (void *)(uintptr_t)s.at};
}

/* What an administrator, or the user, can do something about. */
static enum remark remark_of(OM_uint32 error)
{
    switch ((krb5_error_code)error) {
    case KRB5KRB_AP_ERR_TKT_EXPIRED:
    case KRB5KRB_AP_ERR_TKT_NYV:
        return REMARK_TICKET_EXPIRED;
    case KRB5KRB_AP_ERR_SKEW:
        return REMARK_TICKET_CLOCK;
    case KRB5KRB_AP_ERR_NOT_US:
    case KRB5KRB_AP_WRONG_PRINC:
        return REMARK_TICKET_SERVICE;
    case KRB5KRB_AP_ERR_NOKEY:
    case KRB5KRB_AP_ERR_BADKEYVER:
    case KRB5KRB_AP_ERR_BAD_INTEGRITY:
    case KRB5_KT_NOTFOUND:
    case KRB5_KT_KVNONOTFOUND:
        return REMARK_TICKET_KEY;
    case KRB5KRB_AP_ERR_REPEAT:
        return REMARK_TICKET_REPEATED;
    default:
        return REMARK_NONE;
    }
}

enum gssapi_step gssapi_accept(struct gssapi *g, struct slice token,
                               struct slice *answer, uint32_t *remark)
{
    gss_buffer_desc input = buffer_of(token), output = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, flags = 0;
    OM_uint32 major = gss_accept_sec_context(
        &minor, &g->context, g->acceptor, &input, GSS_C_NO_CHANNEL_BINDINGS,
        &g->client, NULL, &output, &flags, NULL, NULL);

    *answer = lend(g, output);
    if (GSS_ERROR(major)) {
        *remark = remark_of(minor);
        return GSSAPI_REFUSED;
    }
    if ((major & GSS_S_CONTINUE_NEEDED) != 0)
        return GSSAPI_MORE;
    return (flags & GSS_C_ANON_FLAG) == 0 ? GSSAPI_DONE : GSSAPI_REFUSED;
}

int gssapi_wrap(struct gssapi *g, struct slice message, struct slice *token)
{
    gss_buffer_desc input = buffer_of(message), output = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;

    if (gss_wrap(&minor, g->context, 0, GSS_C_QOP_DEFAULT, &input, NULL,
                 &output) != GSS_S_COMPLETE)
        return -1;
    *token = lend(g, output);
    return 0;
}

int gssapi_unwrap(struct gssapi *g, struct slice token, struct slice *message)
{
    gss_buffer_desc input = buffer_of(token), output = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;

    if (gss_unwrap(&minor, g->context, &input, &output, NULL, NULL) !=
        GSS_S_COMPLETE)
        return -1;
    *message = lend(g, output);
    return 0;
}

/* ---- the client's name ---- */

int gssapi_name(struct gssapi *g, char *to, size_t size)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;

    if (gss_display_name(&minor, g->client, &text, NULL) != GSS_S_COMPLETE)
        return -1;
    int result = slice_copy((struct slice){text.value, text.length}, to, size);
    gss_release_buffer(&minor, &text);
    return result;
}
