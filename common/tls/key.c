/*
 * Chain and key, and the terms of TLS. Runs in the tls program with the rights
 * of whoever started pop3d, before its cage and before any client; the files
 * are the administrator's, and what is wrong with them is for him.
 */

#include "tls/key.h"
#include "base/trusted.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FORBIDDEN_CERT = 022, /* nobody else writes it */
    FORBIDDEN_KEY = 027   /* a group such as ssl-cert may read it */
};

/* A PEM file in memory. */
struct pem {
    char *text;
    size_t len;
    BIO *bio;
};

static void say(struct frame_tls_ready *ready, enum tls_key key,
                const char *path, const char *what)
{
    ready->key = key;
    snprintf(ready->why, sizeof ready->why, "%.120s: %.120s", path, what);
}

static bool fail(struct frame_tls_ready *ready, const char *path,
                 const char *what)
{
    say(ready, TLS_KEY_UNUSABLE, path, what);
    return false;
}

/* With the library's own reason behind it. */
static bool fail_because(struct frame_tls_ready *ready, const char *path,
                         const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    char text[128];

    snprintf(text, sizeof text, "%s (%s)", what,
             reason != NULL ? reason : "no reason known");
    return fail(ready, path, text);
}

static bool pem_open(struct pem *pem, const char *path, mode_t forbidden,
                     struct frame_tls_ready *ready)
{
    pem->text = trusted_read(path, forbidden, &pem->len);
    if (pem->text == NULL)
        return fail(ready, path, trusted_why(errno, forbidden));
    pem->bio = BIO_new_mem_buf(pem->text, (int)pem->len);
    return pem->bio != NULL || fail(ready, path, "no memory");
}

static void pem_close(struct pem *pem)
{
    BIO_free(pem->bio);
    if (pem->text != NULL)
        OPENSSL_cleanse(pem->text, pem->len);
    free(pem->text);
}

/* Nobody is there to type one; remembers that it was asked for. */
static int no_passphrase(char *to, int size, int writing, void *asked)
{
    (void)to;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

/* ---- the chain ---- */

static void say_date(struct frame_tls_ready *ready, const char *path,
                     const ASN1_TIME *when, const char *before,
                     const char *after)
{
    char date[32] = "an unknown day", text[120];
    struct tm tm;

    if (ASN1_TIME_to_tm(when, &tm) == 1)
        strftime(date, sizeof date, "%Y-%m-%d", &tm);
    snprintf(text, sizeof text, "%s %s: %s", before, date, after);
    say(ready, TLS_KEY_WARNING, path, text);
}

/* Whoever checks it will refuse it; whoever does not goes on as before. */
static void check_dates(const X509 *leaf, const char *path,
                        struct frame_tls_ready *ready)
{
    const ASN1_TIME *from = X509_get0_notBefore(leaf);
    const ASN1_TIME *to = X509_get0_notAfter(leaf);

    if (X509_cmp_current_time(to) < 0)
        say_date(ready, path, to, "the certificate expired on", "renew it");
    else if (X509_cmp_current_time(from) > 0)
        say_date(ready, path, from, "the certificate is not valid before",
                 "is the clock right?");
}

/* What follows the first certificate is the chain. */
static bool add_chain(SSL_CTX *ctx, BIO *bio, const char *path,
                      struct frame_tls_ready *ready)
{
    X509 *next;

    ERR_clear_error();
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1)
            return fail_because(ready, path,
                                "a certificate of the chain cannot be used");
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return fail_because(ready, path, "the chain is damaged");
    ERR_clear_error();
    return true;
}

static bool use_chain(SSL_CTX *ctx, const char *path, mode_t forbidden,
                      struct frame_tls_ready *ready)
{
    struct pem pem = {NULL, 0, NULL};
    X509 *leaf = NULL;
    bool good = pem_open(&pem, path, forbidden, ready);

    if (good &&
        (leaf = PEM_read_bio_X509_AUX(pem.bio, NULL, NULL, NULL)) == NULL)
        good = fail(ready, path, "it holds no certificate in PEM form");
    if (good && SSL_CTX_use_certificate(ctx, leaf) != 1)
        good = fail_because(ready, path, "the certificate cannot be used");
    if (good)
        good = add_chain(ctx, pem.bio, path, ready);
    if (good)
        check_dates(leaf, path, ready);
    X509_free(leaf);
    pem_close(&pem);
    return good;
}

/* ---- the key ---- */

static bool use_key(SSL_CTX *ctx, const struct frame_tls_order *order,
                    struct frame_tls_ready *ready)
{
    struct pem pem = {NULL, 0, NULL};
    EVP_PKEY *key = NULL;
    bool locked = false;
    char other[128];
    bool good = pem_open(&pem, order->key, FORBIDDEN_KEY, ready);

    if (good && (key = PEM_read_bio_PrivateKey(pem.bio, NULL, no_passphrase,
                                               &locked)) == NULL)
        good = fail(ready, order->key,
                    locked ? "the key is locked with a passphrase: store it "
                             "without one"
                           : "it holds no private key in PEM form");
    snprintf(other, sizeof other,
             "this key is not that of the certificate in "
             "%.80s",
             order->cert);
    if (good && X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        good = fail(ready, order->key, other);
    if (good && SSL_CTX_use_PrivateKey(ctx, key) != 1)
        good = fail_because(ready, order->key, "the key cannot be used");
    EVP_PKEY_free(key);
    pem_close(&pem);
    return good;
}

/* ---- the terms ---- */

/* RFC 7301 would have us refuse a client that offers protocols and not ours;
 * but some libraries offer the web's to whomever they talk to. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen,
                           unsigned char *chosen_len,
                           const unsigned char *offered, unsigned offered_len,
                           void *nothing)
{
    static const unsigned char ours[] = "\4pop3";

    (void)ssl;
    (void)nothing;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)chosen,
                                 chosen_len, ours, sizeof ours - 1, offered,
                                 offered_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

/* The old versions need digests that no security level but 0 allows. Whoever
 * speaks a newer one keeps the level that the system has set. */
static int lower_level(SSL *ssl, int *alert, void *nothing)
{
    (void)alert;
    (void)nothing;
    if (SSL_client_hello_get0_legacy_version(ssl) < TLS1_2_VERSION)
        SSL_set_security_level(ssl, 0);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void set_terms(SSL_CTX *ctx, enum tls_version least)
{
    static const int versions[TLS_VERSION_COUNT] = {
        [TLS_1_0] = TLS1_VERSION,
        [TLS_1_1] = TLS1_1_VERSION,
        [TLS_1_2] = TLS1_2_VERSION,
        [TLS_1_3] = TLS1_3_VERSION,
    };

    SSL_CTX_set_min_proto_version(ctx, versions[least]);
    if (least < TLS_1_2)
        SSL_CTX_set_client_hello_cb(ctx, lower_level, NULL);
    /* An end without close_notify is an end: nothing is removed at it. */
    SSL_CTX_set_options(
        ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                 SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CLEANSE_PLAINTEXT |
                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* One process serves one connection: there is nothing to resume. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

SSL_CTX *key_load(const struct frame_tls_order *order,
                  struct frame_tls_ready *ready)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bool one_file = strcmp(order->cert, order->key) == 0;

    memset(ready, 0, sizeof *ready);
    if (ctx == NULL) {
        fail_because(ready, "OpenSSL", "it cannot be used");
        return NULL;
    }
    if (use_chain(ctx, order->cert, one_file ? FORBIDDEN_KEY : FORBIDDEN_CERT,
                  ready) &&
        use_key(ctx, order, ready)) {
        set_terms(ctx, order->least);
        return ctx;
    }
    SSL_CTX_free(ctx);
    return NULL;
}
