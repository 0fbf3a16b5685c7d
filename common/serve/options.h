#ifndef SERVE_OPTIONS_H
#define SERVE_OPTIONS_H

/* Options: one table serves the command line, the configuration file and
 * --help. The command line wins over the file. */

#include "rooms/contract.h"
#include "rooms/policy.h"

#include "spool/uidl.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DOMAINS_MAX = 16
};

enum action {
    ACTION_SERVE,
    ACTION_CHECK,
    ACTION_RECOVER,
    ACTION_VERSION,
    ACTION_HELP
};

enum log_choice {
    LOG_CHOICE_AUTO,
    LOG_CHOICE_SYSLOG,
    LOG_CHOICE_STDERR
};

struct options {
    enum action action;
    const char *config; /* NULL: the default one, if it is there */
    const char *template;
    const char *folders;
    struct uidl_style uidl;
    uint32_t providers; /* 0: as who we are */
    const char *pam_service;
    const char *secrets;
    const char *keytab;
    const char *kerberos4;
    char kerberos4_services[TEXT_SERVICES]; /* a space between two */
    struct policy policy;
    const char *domains[DOMAINS_MAX + 1]; /* NULL-ended */
    size_t domain_count;
    bool read_only;
    bool tls;               /* from the first octet */
    const char *cert, *key; /* NULL: not given */
    uint32_t tls_min;       /* enum tls_version */
    const char *state;
    uint64_t login_timeout, timeout; /* seconds; 0: none */
    bool login_timeout_given;
    enum log_choice log;
};

enum {
    OPTIONS_ERROR = 256
}; /* octets of an error text */

/*
 * Reads the file's text and the command line into *o. Returns 0; or the exit
 * status (64 usage, 78 configuration) with error saying what to do. program
 * decides which options the command line has; the file may have all. The
 * strings of *o live in argv and in the file's text, which is kept.
 */
int options_read(struct options *o, const char *program, int argc, char **argv,
                 char *error);

/* The file's part alone: text is changed and kept. Returns 0, or -1 with error
 * (the line's number in it). */
int options_read_config(struct options *o, char *text, char *error);

/* Prints what --help says. */
void options_help(const char *program);

#endif
