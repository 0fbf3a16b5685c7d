#ifndef ROOMS_SETUP_H
#define ROOMS_SETUP_H

/* What the rooms need to know, settled by the start from options and
 * environment before they divide. Read-only afterwards. */

#include "net/peer.h"
#include "net/proxy.h"
#include "rooms/contract.h"
#include "rooms/log.h"
#include "rooms/mechanism.h"
#include "spool/uidl.h"
#include "rooms/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_terms {
    const char *cert, *key; /* paths; NULL: there is no TLS */
    uint32_t least;         /* enum tls_version */
    bool first;             /* --tls: from the first octet */
    bool offered;           /* STLS */
};

struct setup {
    const char *method;   /* how a password arrives, for the log: PASS, HELO */
    const char *service;  /* PAM */
    const char *template; /* --maildrop */
    const char *folders;  /* --folders; NULL: there are none */
    struct uidl_style uidl;      /* --uidl */
    const char *state;           /* root of the state directories */
    const char *keys[KEY_COUNT]; /* paths of the key files that can be used */
    uint32_t mechanisms;         /* bits of those the protocol speaks */
    char domains[TEXT_DOMAINS];  /* @NAME is stripped; a NUL behind each */
    char stamp[TEXT_STAMP];      /* the greeting's timestamp for APOP, or "" */
    uint32_t providers;          /* enum provider bits */
    bool read_only;              /* nothing in a maildrop may be changed */
    bool plaintext;              /* a password may be sent on this connection */
    bool exposed;                /* ... and crosses a network in clear */
    int64_t started;             /* clock_ms() */
    int64_t login_ends;          /* deadline for the login */
    /* Milliseconds a client may take nothing of what is sent to it. */
    int64_t patience;
    struct tls_terms tls;
    uid_t room_uid; /* _restante, or the caller */
    gid_t room_gid;
    /* Kerberos 4's, a space between two. */
    char services[TEXT_SERVICES];
    int in, out;               /* the client */
    int helpers[HELPER_COUNT]; /* O_PATH; -1: not needed */
    int tls_program;           /* O_PATH; -1: there is no TLS */
    int empty_directory;       /* O_PATH; front's root */
    const struct policy *policy;
    struct peer peer; /* the proxy, until it has told who its client is */
    bool proxied;     /* a PROXY header must come first */
    bool secured;     /* TLS with the client itself */
    char via[192];    /* for the log: "", " via=" and the proxy, " tls=" and
                         how */
    struct log log;
};

/* Who is at the other end of the client's descriptor: sets peer, proxied,
 * plaintext and exposed. */
void setup_meet(struct setup *s, const struct peer *peer);

/*
 * The same when the proxy has told it: sets peer, plaintext, exposed and via.
 * Whatever is told is not local, and a loopback address is inside no network.
 * A proxy that speaks for itself keeps its own address.
 */
void setup_tell(struct setup *s, const struct proxy_header *told);

/* The same once TLS protects the connection: a password is neither in clear nor
 * exposed. how is for the log, such as "tls=TLSv1.3 cipher=NAME", or "". */
void setup_secure(struct setup *s, const char *how);

/* How a room ends that cannot go on; the monitor logs it. */
enum {
    EXIT_OWNED = 76,  /* another room sent what it may not send */
    EXIT_CAGE = 100,  /* + errno: the drop or the cage failed */
    EXIT_LOADER = 127 /* ld.so's; no call of ours fails with errno 27 */
};

enum {
    REFUSAL_DELAY = 2000, /* milliseconds */
    LOGIN_TRIES = 3,      /* failures */
    LOGIN_CANCELS = 10    /* exchanges begun and dropped */
};

/* The program that carries the mechanism out, with PAM or without. */
enum helper setup_helper(const struct setup *s, enum mechanism mechanism);

#endif
