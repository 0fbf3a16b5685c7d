/* The certificate's and the key's files. Runs at the start, as whoever started
 * the program; the files are the administrator's. */

#include "serve/certificate.h"
#include "base/trusted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FORBIDDEN_CERT = 022,
    FORBIDDEN_KEY = 027
};

/* The path of a credential, or NULL: systemd passes it in a directory that only
 * this service can read. */
static const char *credential(const char *name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char path[TEXT_PATH];

    if (directory == NULL || directory[0] != '/')
        return NULL;
    int len = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (len < 0 || (size_t)len >= sizeof path || access(path, F_OK) < 0)
        return NULL;
    return strdup(path); /* lives as long as the setup */
}

int certificate_choose(struct tls_terms *terms, const struct options *o,
                       char *error)
{
    terms->first = o->tls;
    terms->least = o->tls_min;
    terms->cert = o->cert;
    terms->key = o->key != NULL ? o->key : o->cert;
    if (o->cert == NULL && o->key != NULL) {
        snprintf(error, OPTIONS_ERROR,
                 "--key: name its certificate with "
                 "--cert");
        return -1;
    }
    if (terms->cert == NULL)
        terms->cert = terms->key = credential("restante.crt");
    if (terms->cert != NULL && o->cert == NULL) {
        const char *key = credential("restante.key");
        if (key != NULL)
            terms->key = key;
    }
    if (o->tls && terms->cert == NULL) {
        snprintf(error, OPTIONS_ERROR,
                 "--tls: name the certificate with --cert");
        return -1;
    }
    terms->offered = terms->cert != NULL && !terms->first;
    return 0;
}

static int look(const char *path, mode_t forbidden, char *error)
{
    int fd = trusted_open(path, forbidden);

    if (fd >= 0)
        return close(fd);
    snprintf(error, OPTIONS_ERROR, "%.120s: %.130s", path,
             trusted_why(errno, forbidden));
    return -1;
}

int certificate_look(const struct tls_terms *terms, char *error)
{
    bool one_file = strcmp(terms->cert, terms->key) == 0;

    if (!one_file && look(terms->cert, FORBIDDEN_CERT, error) < 0)
        return -1;
    return look(terms->key, FORBIDDEN_KEY, error);
}

enum tls_key certificate_try(struct secure *secure, const struct setup *setup,
                             int64_t deadline, char *error)
{
    if (secure_bear(secure, setup) == 0)
        return secure_await(secure, deadline, error);
    snprintf(error, OPTIONS_ERROR, "tls: %s", strerror(errno));
    return TLS_KEY_UNUSABLE;
}
