/* Command line and configuration file. Runs at the start, as whoever started
 * the program, before the client is heard; both are the administrator's. */

#include "serve/options.h"
#include "base/slice.h"
#include "base/trusted.h"
#include "rooms/contract.h"
#include "spool/place.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DEFAULT_CONFIG "/etc/restante.conf"

struct row {
    const char *name;
    char letter;          /* 0: it has none */
    const char *argument; /* what it is called in --help; NULL: none */
    /* Takes the value; returns NULL, or what the value must be. */
    const char *(*set)(struct options *, const char *value);
    bool in_file;
    const char *help;
    const char *only; /* the one daemon that has it; NULL: both */
};

/* ---- setters ---- */

static const char *set_config(struct options *o, const char *value)
{
    if (value[0] != '/')
        return "an absolute path";
    o->config = value;
    return NULL;
}

static const char *set_maildrop(struct options *o, const char *value)
{
    if (place_check(value) < 0)
        return "auto or a template such as mbox:/var/mail/%u";
    o->template = value;
    return NULL;
}

static const char *set_folders(struct options *o, const char *value)
{
    if (place_check_directory(value) < 0)
        return "a directory such as %h/mail";
    o->folders = value;
    return NULL;
}

static const char *set_uidl(struct options *o, const char *value)
{
    if (uidl_style_parse(value, &o->uidl) < 0)
        return "popa3d, dovecot, uw, x-uidl, courier, or a pattern such as "
               "%v.%u";
    return NULL;
}

static const char *set_auth(struct options *o, const char *value)
{
    if (strcmp(value, "pam") == 0)
        o->providers = PROVIDER_PAM;
    else if (strcmp(value, "file") == 0)
        o->providers = PROVIDER_FILE;
    else if (strcmp(value, "pam,file") == 0 || strcmp(value, "file,pam") == 0)
        o->providers = PROVIDER_PAM | PROVIDER_FILE;
    else
        return "pam, file or pam,file";
    return NULL;
}

static const char *set_pam_service(struct options *o, const char *value)
{
    if (value[0] == '\0' || strlen(value) >= 32 || strchr(value, '/') != NULL)
        return "the name of a file in /etc/pam.d, at most 31 octets";
    o->pam_service = value;
    return NULL;
}

static const char *set_secrets(struct options *o, const char *value)
{
    if (value[0] != '/' || strlen(value) >= TEXT_PATH)
        return "an absolute path";
    o->secrets = value;
    return NULL;
}

/* Takes the next word of a list; commas part them. Returns NULL, or what is
 * wrong with it. */
static const char *cut_word(struct slice *rest, char *word, size_t size)
{
    const char *comma = memchr(rest->at, ',', rest->len);
    size_t len = comma != NULL ? (size_t)(comma - rest->at) : rest->len;
    size_t taken = len + (comma != NULL);

    if (slice_copy((struct slice){rest->at, len}, word, size) < 0)
        return "networks such as 192.0.2.0/24";
    *rest = (struct slice){rest->at + taken, rest->len - taken};
    return NULL;
}

static const char *add_network(struct networks *networks, const char *word)
{
    if (networks->count == NETWORKS_MAX)
        return "at most 32 networks";
    if (network_parse(word, &networks->list[networks->count]) < 0)
        return "networks such as 192.0.2.0/24";
    networks->count++;
    return NULL;
}

static const char *add_trusted(struct policy *policy, const char *word)
{
    if (strcmp(word, "local") == 0)
        return NULL;
    if (strcmp(word, "proxy-tls") == 0) {
        policy->proxy_tls = true;
        return NULL;
    }
    const char *wanted = add_network(&policy->networks, word);
    return wanted == NULL || policy->networks.count == NETWORKS_MAX
               ? wanted
               : "never, always, or of local, proxy-tls and networks such as "
                 "192.0.2.0/24";
}

static const char *set_plaintext(struct options *o, const char *value)
{
    struct slice rest = slice_of(value);
    const char *wanted = NULL;
    char word[64];

    o->policy.networks.count = 0;
    o->policy.proxy_tls = false;
    o->policy.plaintext = strcmp(value, "never") == 0    ? PLAINTEXT_NEVER
                          : strcmp(value, "always") == 0 ? PLAINTEXT_ALWAYS
                                                         : PLAINTEXT_NETWORKS;
    if (o->policy.plaintext != PLAINTEXT_NETWORKS)
        return NULL;
    do
        if ((wanted = cut_word(&rest, word, sizeof word)) == NULL)
            wanted = add_trusted(&o->policy, word);
    while (wanted == NULL && rest.len > 0);
    return wanted;
}

static const char *set_proxy(struct options *o, const char *value)
{
    struct slice rest = slice_of(value);
    const char *wanted = NULL;
    char word[64];

    o->policy.proxies.count = 0;
    do
        if ((wanted = cut_word(&rest, word, sizeof word)) == NULL)
            wanted = add_network(&o->policy.proxies, word);
    while (wanted == NULL && rest.len > 0);
    return wanted;
}

static const char *add_domain(struct options *o, const char *value)
{
    if (value[0] == '\0' || strchr(value, '@') != NULL)
        return "a domain name";
    if (o->domain_count == DOMAINS_MAX)
        return "given at most 16 times";
    o->domains[o->domain_count++] = value;
    return NULL;
}

static const char *set_keytab(struct options *o, const char *value)
{
    if (value[0] != '/' || strlen(value) >= TEXT_PATH)
        return "an absolute path";
    o->keytab = value;
    return NULL;
}

static const char *set_kerberos4(struct options *o, const char *value)
{
    if (value[0] != '/' || strlen(value) >= TEXT_PATH)
        return "an absolute path";
    o->kerberos4 = value;
    return NULL;
}

/* The name of a service is one component of a Kerberos 4 name. */
static const char *add_kerberos4_service(struct options *o, const char *value)
{
    char *services = o->kerberos4_services;
    size_t have = strlen(services), len = strlen(value);

    if (len == 0 || len > 39 || slice_has_control(slice_of(value)) ||
        strpbrk(value, " .@/") != NULL)
        return "the name of a service, such as pop";
    if (have + 1 + len >= sizeof o->kerberos4_services)
        return "at most 319 octets together";
    snprintf(services + have, sizeof o->kerberos4_services - have, "%s%s",
             have > 0 ? " " : "", value);
    return NULL;
}

static const char *set_read_only(struct options *o, const char *value)
{
    (void)value;
    o->read_only = true;
    return NULL;
}

static const char *set_tls(struct options *o, const char *value)
{
    (void)value;
    o->tls = true;
    return NULL;
}

static const char *set_cert(struct options *o, const char *value)
{
    if (value[0] != '/' || strlen(value) >= TEXT_PATH)
        return "an absolute path";
    o->cert = value;
    return NULL;
}

static const char *set_key(struct options *o, const char *value)
{
    if (value[0] != '/' || strlen(value) >= TEXT_PATH)
        return "an absolute path";
    o->key = value;
    return NULL;
}

static const char *set_tls_min(struct options *o, const char *value)
{
    static const char *const versions[TLS_VERSION_COUNT] = {
        [TLS_1_0] = "1.0",
        [TLS_1_1] = "1.1",
        [TLS_1_2] = "1.2",
        [TLS_1_3] = "1.3",
    };

    for (uint32_t i = 0; i < TLS_VERSION_COUNT; i++)
        if (strcmp(value, versions[i]) == 0) {
            o->tls_min = i;
            return NULL;
        }
    return "1.0, 1.1, 1.2 or 1.3";
}

static const char *set_state(struct options *o, const char *value)
{
    if (value[0] != '/' || strlen(value) >= TEXT_PATH)
        return "an absolute path";
    o->state = value;
    return NULL;
}

static const char *set_seconds(uint64_t *seconds, const char *value)
{
    if (slice_number(slice_of(value), seconds) < 0 || *seconds > 1000000)
        return "a number of seconds";
    return NULL;
}

static const char *set_login_timeout(struct options *o, const char *value)
{
    o->login_timeout_given = true;
    return set_seconds(&o->login_timeout, value);
}

static const char *set_timeout(struct options *o, const char *value)
{
    return set_seconds(&o->timeout, value);
}

static const char *set_log(struct options *o, const char *value)
{
    if (strcmp(value, "auto") == 0)
        o->log = LOG_CHOICE_AUTO;
    else if (strcmp(value, "syslog") == 0)
        o->log = LOG_CHOICE_SYSLOG;
    else if (strcmp(value, "stderr") == 0)
        o->log = LOG_CHOICE_STDERR;
    else
        return "auto, syslog or stderr";
    return NULL;
}

static const char *set_check(struct options *o, const char *value)
{
    (void)value;
    o->action = ACTION_CHECK;
    return NULL;
}

static const char *set_recover(struct options *o, const char *value)
{
    (void)value;
    o->action = ACTION_RECOVER;
    return NULL;
}

static const char *set_version(struct options *o, const char *value)
{
    (void)value;
    o->action = ACTION_VERSION;
    return NULL;
}

static const char *set_help(struct options *o, const char *value)
{
    (void)value;
    o->action = ACTION_HELP;
    return NULL;
}

static const struct row rows[] = {
    {"config", 'f', "FILE", set_config, false,
     "configuration file (" DEFAULT_CONFIG ")", NULL},
    {"maildrop", 'm', "TEMPLATE", set_maildrop, true,
     "where mail is (mbox:/var/mail/%u)", NULL},
    {"auth", 'a', "LIST", set_auth, true,
     "who checks passwords: pam, file (pam as root, else file)", NULL},
    {"pam-service", 'p', "NAME", set_pam_service, true, "PAM service", NULL},
    {"secrets", 's', "FILE", set_secrets, true, "secret file", NULL},
    {"plaintext", 'P', "WHO", set_plaintext, true,
     "passwords without TLS: never, local, always, or networks (local)", NULL},
    {"proxy", 0, "NETWORKS", set_proxy, true,
     "who must send a PROXY header first (nobody)", NULL},
    {"domain", 'd', "NAME", add_domain, true,
     "strip @NAME from user names; may be repeated", NULL},
    {"keytab", 'K', "FILE", set_keytab, true,
     "offer GSSAPI with this file's keys of pop/HOST", "pop3d"},
    {"kerberos4", '4', "FILE", set_kerberos4, true,
     "keytab or srvtab with the DES key of Kerberos 4", "pop3d"},
    {"kerberos4-service", 0, "NAME", add_kerberos4_service, true,
     "service whose tickets count (pop); may be repeated", "pop3d"},
    {"tls", 't', NULL, set_tls, true, "TLS from the first octet", "pop3d"},
    {"cert", 'c', "FILE", set_cert, true, "certificate chain; offers STLS",
     "pop3d"},
    {"key", 'k', "FILE", set_key, true, "its key (in the same file)", "pop3d"},
    {"tls-min", 0, "VERSION", set_tls_min, true, "oldest TLS: 1.0 to 1.3 (1.2)",
     "pop3d"},
    {"uidl", 'u', "STYLE", set_uidl, true,
     "whose UIDLs: popa3d, dovecot, uw, x-uidl, courier (popa3d)", "pop3d"},
    {"folders", 'F', "DIR", set_folders, true,
     "where FOLD finds mailboxes (%h/mail)", "pop2d"},
    {"read-only", 'r', NULL, set_read_only, true, "delete nothing", NULL},
    {"state", 'S', "DIR", set_state, true, "state directories' root", NULL},
    {"login-timeout", 0, "SECONDS", set_login_timeout, true,
     "time for the login (60; 0: none)", NULL},
    {"timeout", 0, "SECONDS", set_timeout, true,
     "idle time after it (600; 0: none)", NULL},
    {"log", 0, "WHERE", set_log, true, "auto, syslog or stderr (auto)", NULL},
    {"check", 'n', NULL, set_check, false, "check the configuration and exit",
     NULL},
    {"recover", 0, NULL, set_recover, false,
     "finish interrupted updates of all users and exit", NULL},
    {"version", 'V', NULL, set_version, false, "print the version and exit",
     NULL},
    {"help", 'h', NULL, set_help, false, "print this and exit", NULL},
};

enum {
    ROWS = sizeof rows / sizeof *rows
};

/* ---- the configuration file ---- */

static const struct row *find_in_file(struct slice name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].in_file && slice_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

/* Takes one line, whose end is already a NUL. */
static int read_line(struct options *o, char *text, unsigned number,
                     char *error)
{
    struct slice line = slice_trim(slice_of(text));

    if (line.len == 0 || line.at[0] == '#')
        return 0;
    text = (char *)(uintptr_t)line.at;
    text[line.len] = '\0';
    size_t name = strcspn(text, " \t");
    const struct row *row = find_in_file((struct slice){text, name});
    char *value = text + name + strspn(text + name, " \t");
    if (row == NULL) {
        snprintf(error, OPTIONS_ERROR, "line %u: there is no option %.64s",
                 number, text);
        return -1;
    }
    if ((row->argument != NULL) != (*value != '\0')) {
        snprintf(error, OPTIONS_ERROR, "line %u: %s takes %s value", number,
                 row->name, row->argument != NULL ? "a" : "no");
        return -1;
    }
    const char *wanted = row->set(o, value);
    if (wanted == NULL)
        return 0;
    snprintf(error, OPTIONS_ERROR, "line %u: %s must be %s", number, row->name,
             wanted);
    return -1;
}

int options_read_config(struct options *o, char *text, char *error)
{
    unsigned number = 1;

    while (*text != '\0') {
        char *end = text + strcspn(text, "\n");
        bool last = *end == '\0';
        *end = '\0';
        if (read_line(o, text, number++, error) < 0)
            return -1;
        if (last)
            break;
        text = end + 1;
    }
    return 0;
}

static int read_file(struct options *o, const char *given, char *error)
{
    const char *path = given != NULL ? given : DEFAULT_CONFIG;
    char reason[OPTIONS_ERROR];
    size_t len;
    char *text = trusted_read(path, 022, &len);

    if (text == NULL && errno == ENOENT && given == NULL)
        return 0;
    if (text == NULL) {
        const char *why =
            errno == EPERM ? "it must be a file of root's or yours that nobody "
                             "else can write to"
                           : strerror(errno);
        snprintf(error, OPTIONS_ERROR, "%.100s: %s", path, why);
        return EX_CONFIG;
    }
    if (strlen(text) != len) {
        snprintf(error, OPTIONS_ERROR, "%.100s: it holds a NUL", path);
        return EX_CONFIG;
    }
    if (options_read_config(o, text, reason) == 0)
        return 0;
    snprintf(error, OPTIONS_ERROR, "%.100s: %.140s", path, reason);
    return EX_CONFIG;
}

/* ---- the command line ---- */

enum {
    NO_LETTER = 256
}; /* getopt's value of row i without a letter: + i */

/* The file is for both daemons; the command line is for one. */
static bool has(const char *program, const struct row *row)
{
    return row->only == NULL || strcmp(row->only, program) == 0;
}

static void make_getopt(const char *program, struct option *options,
                        char *letters)
{
    *letters++ = ':';
    for (size_t i = 0; i < ROWS; i++) {
        if (!has(program, &rows[i]))
            continue;
        *options++ = (struct option){
            .name = rows[i].name,
            .has_arg =
                rows[i].argument != NULL ? required_argument : no_argument,
            .val = rows[i].letter != 0 ? rows[i].letter : NO_LETTER + (int)i};
        if (rows[i].letter != 0)
            *letters++ = rows[i].letter;
        if (rows[i].letter != 0 && rows[i].argument != NULL)
            *letters++ = ':';
    }
    *letters = '\0';
    *options = (struct option){0};
}

static const struct row *row_of(int value)
{
    for (size_t i = 0; i < ROWS; i++)
        if (value == NO_LETTER + (int)i ||
            (rows[i].letter != 0 && value == rows[i].letter))
            return &rows[i];
    return NULL;
}

static int read_arguments(struct options *o, const char *program, int argc,
                          char **argv, char *error)
{
    struct option options[ROWS + 1];
    char letters[2 * ROWS + 2];
    int value;

    make_getopt(program, options, letters);
    opterr = 0;
    optind = 0; /* may be the second reading */
    while ((value = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        const struct row *row = row_of(value);
        if (row == NULL) {
            snprintf(error, OPTIONS_ERROR, "%s %.100s; see --help",
                     value == ':' ? "a value is missing for"
                                  : "there is no option",
                     argv[optind - 1]);
            return EX_USAGE;
        }
        const char *wanted = row->set(o, optarg);
        if (wanted != NULL) {
            snprintf(error, OPTIONS_ERROR, "--%s must be %s", row->name,
                     wanted);
            return EX_USAGE;
        }
    }
    if (optind == argc)
        return 0;
    snprintf(error, OPTIONS_ERROR, "%.100s is no option; see --help",
             argv[optind]);
    return EX_USAGE;
}

static void set_defaults(struct options *o)
{
    *o = (struct options){.template = "mbox:/var/mail/%u",
                          .folders = "%h/mail",
                          .login_timeout = 60,
                          .timeout = 600,
                          .tls_min = TLS_1_2};
}

/* The command line is read twice: first for --config, then over the file. */
int options_read(struct options *o, const char *program, int argc, char **argv,
                 char *error)
{
    set_defaults(o);
    int status = read_arguments(o, program, argc, argv, error);
    if (status != 0 || o->action == ACTION_HELP || o->action == ACTION_VERSION)
        return status;
    const char *config = o->config;
    enum action action = o->action;
    set_defaults(o);
    o->action = action;
    status = read_file(o, config, error);
    return status != 0 ? status : read_arguments(o, program, argc, argv, error);
}

void options_help(const char *program)
{
    printf("Usage: %s [OPTION ...]\n"
           "Serves one connection on standard input and output.\n\n",
           program);
    for (size_t i = 0; i < ROWS; i++) {
        char name[40];
        if (!has(program, &rows[i]))
            continue;
        snprintf(name, sizeof name, "--%s%s%s", rows[i].name,
                 rows[i].argument != NULL ? "=" : "",
                 rows[i].argument != NULL ? rows[i].argument : "");
        if (rows[i].letter != 0)
            printf("  -%c, %-26s %s\n", rows[i].letter, name, rows[i].help);
        else
            printf("      %-26s %s\n", name, rows[i].help);
    }
}
