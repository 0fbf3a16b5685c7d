#ifndef SERVE_SESSION_H
#define SERVE_SESSION_H

/*
 * A session: one client, from greeting to end, in the front room. What the two
 * protocols share is here; what differs is a table of commands, a table of
 * texts and the handlers (pop3d/pop3.c, pop2d/pop2.c).
 *
 * A command is one row. The engine makes every refusal that the row can make;
 * the handler does the work and returns the next state.
 */

#include "net/stream.h"
#include "rooms/front.h"
#include "rooms/maildrop.h"
#include "rooms/setup.h"

struct session;

/* Why a command is refused. Each protocol has one text for each; a protocol
 * that does not need one leaves it NULL. */
enum refusal {
    REFUSE_NOTHING,
    REFUSE_COMMAND,     /* no such command */
    REFUSE_STATE,       /* not in this state */
    REFUSE_ARGUMENTS,   /* too few or too many */
    REFUSE_LINE,        /* line too long */
    REFUSE_NUMBER,      /* not a number */
    REFUSE_ABSENT,      /* no such message */
    REFUSE_DELETED,     /* the message is marked */
    REFUSE_USER_FIRST,  /* PASS without USER */
    REFUSE_MECHANISM,   /* AUTH with a mechanism not offered */
    REFUSE_CREDENTIALS, /* name or password */
    REFUSE_AUTH,        /* could not be decided */
    REFUSE_CANCELLED,   /* the client gave AUTH up */
    REFUSE_PLAINTEXT,   /* no password in clear here */
    REFUSE_UNSECURED,   /* ... but STLS would help */
    REFUSE_SECURED,     /* STLS, when TLS protects the connection already */
    REFUSE_TLS,         /* TLS cannot be had */
    REFUSE_BUSY,        /* the maildrop is locked */
    REFUSE_FORBIDDEN,   /* the maildrop is not one to serve */
    REFUSE_TROUBLE,     /* the maildrop cannot be had now */
    REFUSE_CHANGED,     /* the message is no longer what was listed */
    REFUSE_READ_ONLY,   /* nothing can be deleted here */
    REFUSE_KEPT,        /* UPDATE removed nothing, now */
    REFUSE_KEPT_EVER,   /* UPDATE can remove nothing here */
    REFUSE_COUNT
};

enum {
    STATE_DONE = 0, /* the session is over; the other states are bits */
    ARGUMENTS_MAX = 4,
    ARGUMENTS_REST = 255 /* max: the rest of the line, as one argument */
};

struct command {
    const char *verb;
    unsigned states; /* in which it is allowed */
    unsigned char min, max;
    unsigned (*handler)(struct session *, const struct slice *arguments);
    const char *capability;                  /* its line in CAPA, or NULL */
    bool (*offered)(const struct session *); /* NULL: always */
};

struct protocol {
    const char *program; /* pop3d; also the name of its PAM service */
    const char *method;  /* PASS: how a password arrives, for the log */
    uint32_t mechanisms; /* bits of those it speaks */
    const struct command *commands;
    size_t command_count;
    unsigned login_state;      /* the first state */
    size_t login_line, line;   /* longest command line before and after login */
    const char *error;         /* begins every refusal: "-ERR " */
    bool refusal_ends;         /* every refusal ends the session */
    bool tls;                  /* it knows STLS and --tls */
    bool folders;              /* it can open more than the maildrop */
    const char *misconfigured; /* what the client hears then */
    const char *const *texts;  /* of the refusals */
    void (*greet)(struct session *);
};

struct session {
    const struct protocol *protocol;
    const struct setup *setup;
    struct setup told; /* the setup behind a proxy, once it has spoken */
    bool read_only;    /* --read-only */
    uint64_t timeout;  /* seconds */
    unsigned state;
    enum end_reason end; /* why it is over */
    bool logged_in;
    bool tls_failed; /* the key cannot be used */
    char host[256];
    bool named;           /* USER was the last word */
    char user[TEXT_USER]; /* as USER gave it */
    uint64_t last;        /* POP3 LAST */
    uint64_t current;     /* POP2's current message */
    uint64_t messages, octets, retrieved, top, deleted; /* for the log */
    struct front front;
    struct stream stream;
    struct maildrop maildrop;
};

/* What a session needs beyond the setup. */
struct session_terms {
    const struct protocol *protocol;
    bool read_only;
    uint64_t timeout; /* seconds */
};

/* The life of the front room: enters its cage and serves until the end. parent
 * is the monitor's process, monitor its socket. */
_Noreturn void session_live(const struct setup *setup,
                            const struct session_terms *terms, int monitor,
                            pid_t parent);

/* Its two halves, apart from room and cage: sets up a session of zeros;
 * serves it from the greeting to the end. */
void session_begin(struct session *s, const struct setup *setup,
                   const struct session_terms *terms, int monitor);
void session_serve(struct session *s);

/* Says no. Returns the next state: the present one, or STATE_DONE. */
unsigned session_refuse(struct session *s, enum refusal why);

/* Ends without a word: an answer under way cannot be completed. */
unsigned session_abort(struct session *s);

/* May a password be sent on this connection, as it is now? */
bool session_hears_plaintext(const struct session *s);

/* Is this way to log in offered on this connection, as it is now? */
bool session_offers(const struct session *s, enum mechanism mechanism);

/* The client gave a name: auth can be born while he types on. Returns 0, or -1
 * when nobody is left to answer to. */
int session_expect(struct session *s, enum mechanism mechanism);

/*
 * Logs in with a name and a password or digest, and opens the maildrop.
 * Returns REFUSE_NOTHING, or why not; *over says that the session must end
 * after the refusal. Returns REFUSE_COUNT when nobody is left to answer to.
 */
enum refusal session_login(struct session *s, enum mechanism mechanism,
                           struct slice user, struct slice password,
                           bool *over);

/*
 * The same by SASL: carries lines between client and auth. initial is what
 * stood behind the mechanism's name in AUTH; its .at is NULL when nothing did.
 */
enum refusal session_authenticate(struct session *s, enum mechanism mechanism,
                                  struct slice initial, bool *over);

/* Would STLS be accepted now? */
bool session_offers_tls(const struct session *s);

/* Has tls made ready for session_begin_tls(). Returns REFUSE_NOTHING, or why
 * not; REFUSE_COUNT when nobody is left to answer to. */
enum refusal session_prepare_tls(struct session *s);

/*
 * What was said last was the last in clear: hands the client over. Whatever it
 * has sent so far counts no more, whether it was taken or not (RFC 2595, 4).
 * Returns 0, or -1 when the session is over.
 */
int session_begin_tls(struct session *s);

/* Opens a maildrop or folder in place of the present one. */
enum refusal session_open(struct session *s, const char *folder);

/* Applies the deletions and releases the maildrop. */
enum refusal session_commit(struct session *s);

#endif
