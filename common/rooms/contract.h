#ifndef ROOMS_CONTRACT_H
#define ROOMS_CONTRACT_H

/*
 * Every message between rooms. A message is one frame on a SOCK_SEQPACKET
 * socketpair: a type and a fixed struct, with the descriptors its row allows.
 * The receiver states who it is and in which phase; a frame that no row
 * permits there, of another size, with other descriptors, or whose fields are
 * out of range, means that the sender is owned, and the receiver ends.
 *
 * Requests to the keeper mirror the store (open, identify, confirm, commit),
 * never the protocol. A login that succeeds is a descriptor: VERDICT carries
 * the socket of the new-born keeper.
 */

#include "rooms/mechanism.h"
#include "spool/snapshot.h"
#include "spool/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum room {
    ROOM_MONITOR,
    ROOM_FRONT,
    ROOM_AUTH,
    ROOM_KEEPER,
    ROOM_TLS
};

/* Bits: a row names every phase of its receiver in which it may arrive. */
enum phase {
    PHASE_GREETED = 1,   /* monitor: nobody is being authenticated */
    PHASE_LOGIN = 2,     /* monitor: an auth lives; front: waits for it */
    PHASE_SESSION = 4,   /* monitor: a keeper lives */
    PHASE_CLOSED = 8,    /* keeper: no mailbox is open */
    PHASE_OPEN = 16,     /* keeper: one is listed, and it is a single file */
    PHASE_TREE = 32,     /* keeper: one is listed, and each message is a file */
    PHASE_DIALOGUE = 64, /* front and auth: SASL lines go to and fro */
    PHASE_KEYLESS = 128, /* tls: has not been told which key */
    PHASE_KEYED = 256,   /* tls: caged, waits for the client */
    PHASE_COUNTED = 512  /* keeper: one is open, but not listed yet */
};

enum frame_type {
    FRAME_ASK_AUTH = 1, /* front -> monitor */
    FRAME_PEER,         /* front -> monitor: the client behind a proxy */
    FRAME_PLAINTEXT,    /* front -> monitor: a login refused unheard */
    FRAME_AUTH_BORN,    /* monitor -> front, with auth's socket */
    FRAME_ORDER,        /* monitor -> auth */
    FRAME_PASSWORD,     /* front -> auth */
    FRAME_SAID,         /* front -> auth: a piece of the client's line */
    FRAME_CHALLENGE,    /* auth -> front: a piece of the server's */
    FRAME_DECISION,     /* auth -> monitor */
    FRAME_VERDICT,      /* monitor -> front, with keeper's socket if accepted */
    FRAME_OPEN,         /* front -> keeper */
    FRAME_OPENED,       /* keeper -> front: how many messages there are */
    FRAME_LIST,         /* front -> keeper: now they are wanted */
    FRAME_LISTED,       /* keeper -> front, with table and mail */
    FRAME_IDENTIFY,     /* front -> keeper */
    FRAME_IDENTIFIED,   /* keeper -> front, with the UIDLs */
    FRAME_CONFIRM,      /* front -> keeper */
    FRAME_CONFIRMED,    /* keeper -> front */
    FRAME_FETCH,        /* front -> keeper */
    FRAME_FETCHED,      /* keeper -> front, with files of messages */
    FRAME_MARKS,        /* front -> keeper, as many as the maildrop needs */
    FRAME_COMMIT,       /* front -> keeper */
    FRAME_COMMITTED,    /* keeper -> front */
    FRAME_DOTLOCK,      /* keeper -> monitor */
    FRAME_DOTLOCKED,    /* monitor -> keeper */
    FRAME_UNDOTLOCK,    /* keeper -> monitor */
    FRAME_NOTICE,       /* keeper -> monitor */
    FRAME_FAREWELL,     /* front -> monitor */
    FRAME_ASK_TLS,      /* front -> monitor */
    FRAME_TLS_ORDER,    /* monitor -> tls */
    FRAME_TLS_READY,    /* tls -> monitor: it has the key, or not */
    FRAME_TLS_BORN,     /* monitor -> front, with tls's socket and stream */
    FRAME_TLS_CLIENT,   /* front -> tls, with the client */
    FRAME_TLS_REPORT,   /* tls -> monitor: how the handshake ended */
    FRAME_TYPES
};

enum {
    CONTRACT_VERSION = 3,
    TEXT_USER = 256,     /* octets of a user name, NUL included */
    TEXT_PASSWORD = 512, /* of a password */
    TEXT_PATH = 1024,    /* of a path */
    TEXT_FOLDER = 512,   /* of a FOLD argument */
    TEXT_PEER = 64,      /* of a numeric address */
    TEXT_DOMAINS = 2048, /* of all domains, a NUL behind each */
    TEXT_STAMP = 320,    /* of the timestamp in the greeting */
    TEXT_SERVICES = 320, /* of the names of Kerberos 4 services */
    PIECE_OCTETS = 4096, /* of a SASL line in one frame */
    GROUPS_MAX = 64,     /* supplementary groups of a user */
    TEXT_WHY = 256,      /* of a text for the administrator */
    TEXT_TLS = 64,       /* of a cipher's name, of a library's reason */
    MARKS_OCTETS = 4096, /* of deletion marks in one frame */
    FRAME_FDS = 32       /* descriptors with one frame */
};

enum outcome {
    OUTCOME_ACCEPTED,
    OUTCOME_REFUSED,     /* the credentials, whatever was wrong with them */
    OUTCOME_UNAVAILABLE, /* could not be decided */
    OUTCOME_CANCELLED,   /* the client thought better of it */
    OUTCOME_COUNT
};

/* What the log says beside the outcome. */
enum remark {
    REMARK_NONE,
    REMARK_KEY_FILE,        /* it opens, but has no key to use */
    REMARK_TICKET_KEY,      /* no key of ours opens it */
    REMARK_TICKET_SERVICE,  /* for another service or host */
    REMARK_TICKET_REALM,    /* of another realm */
    REMARK_TICKET_CLOCK,    /* the client's clock differs */
    REMARK_TICKET_EXPIRED,  /* not valid now */
    REMARK_TICKET_ADDRESS,  /* issued to another address; no reason to refuse */
    REMARK_TICKET_REPEATED, /* used a second time */
    REMARK_NO_REPLAYS,      /* nowhere to remember used tickets */
    REMARK_PRINCIPAL,       /* may not be this user */
    REMARK_MALFORMED, /* the salted line of the user cannot be read */
    REMARK_SALTED,    /* the user has no line that this mechanism can use */
    REMARK_COUNT
};

enum provider { /* bits */
    PROVIDER_PAM = 1,
    PROVIDER_FILE = 2
};

enum status {
    STATUS_OK,
    STATUS_BUSY,      /* others hold its locks */
    STATUS_FORBIDDEN, /* a link, another's file, no permission */
    STATUS_CHANGED,   /* no longer what was scanned; nothing was changed */
    STATUS_TROUBLE,   /* anything else; may be better later */
    STATUS_COUNT
};

enum notice {
    NOTICE_NO_STATE,   /* the state directory cannot be used */
    NOTICE_NO_DOTLOCK, /* no dotlock can be made beside the mailbox */
    NOTICE_FORBIDDEN,  /* the maildrop is not one we serve */
    NOTICE_TROUBLE,    /* a system call failed */
    NOTICE_RECOVERED,  /* an interrupted update was finished */
    NOTICE_ASIDE,      /* a progress record was put aside */
    NOTICE_LEFT_OUT,   /* something in the maildrop is no message */
    NOTICE_COUNT
};

enum end_reason {
    END_QUIT,
    END_EOF,
    END_TIMEOUT,
    END_ERROR,
    END_INUSE,
    END_REFUSED,
    END_PROXY, /* no PROXY header where one must be */
    END_COUNT
};

enum tls_key {
    TLS_KEY_GOOD,
    TLS_KEY_WARNING, /* it works; something about it should be mended */
    TLS_KEY_UNUSABLE,
    TLS_KEY_COUNT
};

enum tls_version {
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    TLS_VERSION_COUNT
};

enum tls_result { /* of a handshake */
    TLS_DONE,
    TLS_PROTOCOL,  /* what the client sent was not accepted */
    TLS_ALERT,     /* the client did not accept what we sent */
    TLS_EOF,       /* the client went away */
    TLS_TIMEOUT,   /* the deadline for the login passed */
    TLS_ABANDONED, /* front went away */
    TLS_RESULT_COUNT
};

struct frame_ask_auth {
    uint32_t mechanism;
};

struct frame_peer {
    uint32_t client; /* enum proxy_client */
    uint32_t tls;
    uint8_t address[16];
};

struct frame_plaintext {
    uint32_t mechanism;
    char user[TEXT_USER];
};

struct frame_order {
    uint32_t mechanism;
    uint32_t providers;
    uint32_t exposed; /* the password crossed a network in clear */
    char service[32]; /* PAM */
    char peer[TEXT_PEER];
    char secrets[TEXT_PATH];    /* path of the secret file, or "" */
    char key[TEXT_PATH];        /* path of the mechanism's key file, or "" */
    char state[TEXT_PATH];      /* root of the state directories, or "" */
    char stamp[TEXT_STAMP];     /* the timestamp in the greeting, or "" */
    char domains[TEXT_DOMAINS]; /* @NAME is stripped; a NUL behind each */
    /* Kerberos 4's, a space between two. */
    char services[TEXT_SERVICES];
    uint32_t room_uid, room_gid;
};

struct frame_password {
    char user[TEXT_USER];
    char password[TEXT_PASSWORD];
};

/* Of a line without its end; the octets are the client's, or base64 text for
 * him. */
struct frame_piece {
    uint32_t more;    /* the line goes on in the next piece */
    uint32_t initial; /* it stood in the AUTH command */
    uint32_t size;
    char octets[PIECE_OCTETS];
};

struct frame_decision {
    uint32_t outcome;
    uint32_t remark;
    uint8_t remark_address[4]; /* IPv4, with REMARK_TICKET_ADDRESS */
    uint32_t uid, gid, group_count;
    uint32_t groups[GROUPS_MAX];
    int64_t asked_at; /* clock_ms() when the request was read */
    char claimed[TEXT_USER];
    char name[TEXT_USER];
    char home[TEXT_PATH];
};

struct frame_verdict {
    uint32_t outcome;
    uint32_t last; /* no further login will be heard */
};

struct frame_open {
    char folder[TEXT_FOLDER]; /* "" = the maildrop */
};

struct frame_opened {
    uint32_t status;
    uint32_t writable;
    uint32_t tree;          /* each message is a file, to be fetched */
    uint64_t count, octets; /* octets on the wire */
    uint64_t unverified;    /* the first so many must be confirmed */
    uint32_t shared;        /* other hosts may write: ask, do not look */
    struct snapshot seen;   /* of the single file */
};

struct frame_identified {
    uint32_t status;
    uint32_t stride;
};

struct frame_confirm {
    uint64_t index;
};

/* The files of messages first, first + 1, ... are asked for; as many come as
 * can be had in a row, at least one. */
struct frame_fetch {
    uint64_t first;
    uint32_t count; /* 1 to FRAME_FDS */
};

struct frame_status {
    uint32_t status;
};

struct frame_marks {
    uint64_t first; /* octet of the marks at which bits go */
    uint32_t size;  /* octets of bits */
    uint8_t bits[MARKS_OCTETS];
};

struct frame_commit {
    uint64_t marked;
};

struct frame_dotlocked {
    int32_t error; /* 0, EEXIST, or why none can be made */
};

struct frame_notice {
    uint32_t notice;
    int32_t error;
};

struct frame_farewell {
    uint32_t reason;
    uint64_t messages, octets, retrieved, top, deleted, received, sent;
};

struct frame_tls_order {
    uint32_t least; /* enum tls_version: the oldest to speak */
    uint32_t room_uid, room_gid;
    int64_t login_ends; /* clock_ms(): deadline for the handshake */
    int64_t patience;   /* as the stream's write_patience */
    char cert[TEXT_PATH];
    char key[TEXT_PATH]; /* may be the same file */
};

struct frame_tls_ready {
    uint32_t key;       /* enum tls_key */
    char why[TEXT_WHY]; /* unless it is good: which file, and what to do */
};

struct frame_tls_born {
    uint32_t usable;
};

struct frame_tls_report {
    uint32_t result;
    uint32_t version;    /* if it is done: enum tls_version, and the cipher; */
    char text[TEXT_TLS]; /* else the library's reason, or "" */
};

struct frame {
    uint32_t type;
    uint32_t version;
    union {
        struct frame_ask_auth ask_auth;
        struct frame_peer peer;
        struct frame_plaintext plaintext;
        struct frame_order order;
        struct frame_password password;
        struct frame_piece piece; /* SAID, CHALLENGE */
        struct frame_decision decision;
        struct frame_verdict verdict;
        struct frame_open open;
        struct frame_opened opened;
        struct frame_identified identified;
        struct frame_confirm confirm;
        struct frame_fetch fetch;
        struct frame_status status; /* LISTED, CONFIRMED, FETCHED, COMMITTED */
        struct frame_marks marks;
        struct frame_commit commit;
        struct frame_dotlocked dotlocked;
        struct frame_notice notice;
        struct frame_farewell farewell;
        struct frame_tls_order tls_order;
        struct frame_tls_ready tls_ready;
        struct frame_tls_born tls_born;
        struct frame_tls_report tls_report;
    };
    int fds[FRAME_FDS]; /* of a received frame: the receiver's to close */
    unsigned fd_count;
};

/* Makes the two ends of a wire between rooms. Returns 0, or -1 with errno. */
int frame_wire(int ends[2]);

/* An empty frame of that type. */
void frame_make(struct frame *f, enum frame_type type);

/* Sends it with its descriptors, which stay the caller's. Waits for room.
 * Returns 0, or -1 with errno. */
int frame_send(int wire, const struct frame *f);

/*
 * Waits for the next frame until the deadline. Returns 1; 0 when the sender
 * has gone; -1 with errno: EPROTO for a frame that receiver may not get in
 * this phase (its descriptors are closed), ETIMEDOUT.
 */
int frame_receive(int wire, enum room receiver, unsigned phase,
                  int64_t deadline, struct frame *f);

/*
 * Waits for the answer to a question: a frame of that type. In a room that is
 * sent anything else the sender is owned, and the room ends (EXIT_OWNED), which
 * the monitor logs. Returns 0, or -1 with errno: EPIPE (the sender has gone),
 * ETIMEDOUT.
 */
int frame_expect(int wire, enum room receiver, unsigned phase,
                 enum frame_type type, int64_t deadline, struct frame *f);

/* Closes the descriptors of a received frame. */
void frame_close_fds(struct frame *f);

/* The same checks on octets from anywhere, for the fuzz target. */
bool frame_check(const struct frame *f, size_t size, enum room receiver,
                 unsigned phase);

#endif
