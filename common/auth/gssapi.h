#ifndef AUTH_GSSAPI_H
#define AUTH_GSSAPI_H

/* What auth-gssapi asks of the Kerberos 5 library: an acceptor for the service
 * "pop", and one security context. */

#include "base/slice.h"

#include <gssapi/gssapi.h>
#include <krb5.h>
#include <stdint.h>

struct gssapi {
    krb5_context kerberos; /* holds krb5.conf while the cage shuts it off */
    krb5_keytab keytab;    /* in memory; keys of "pop" alone */
    gss_cred_id_t acceptor;
    gss_ctx_id_t context;
    gss_name_t client;
    gss_buffer_desc given; /* what was lent last */
    bool remembers;        /* there is a place to remember used tickets */
};

enum gssapi_step {
    GSSAPI_MORE,   /* the answer must be sent, and another token come */
    GSSAPI_DONE,   /* we know who it is; the answer, if any, must be sent */
    GSSAPI_REFUSED /* remark says why, if it is worth a line in the log */
};

/*
 * Reads krb5.conf, and copies from the keytab the keys of pop/HOST, whatever
 * the host. replays is the path of the file in which used tickets are
 * remembered; "" stands for none. Returns 0, or -1: there is no such key.
 */
int gssapi_load(struct gssapi *g, const char *keytab, const char *replays);

/* Takes the client's token. *answer lives until the next call. */
enum gssapi_step gssapi_accept(struct gssapi *g, struct slice token,
                               struct slice *answer, uint32_t *remark);

/* Signs a message, without encryption; takes one that is signed. The result
 * lives until the next call. Return 0 or -1. */
int gssapi_wrap(struct gssapi *g, struct slice message, struct slice *token);
int gssapi_unwrap(struct gssapi *g, struct slice token, struct slice *message);

/* The client's principal. Returns 0, or -1: none, or it does not fit. */
int gssapi_name(struct gssapi *g, char *to, size_t size);

/* Wipes the keys. */
void gssapi_forget_key(struct gssapi *g);

#endif
