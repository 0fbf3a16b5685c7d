/*
 * POP3 (RFC 1939): the command table and its handlers, nothing else. Runs in
 * front, as _restante in an empty chroot; the engine has checked verb, state
 * and number of arguments, the handlers trust nothing else.
 */

#include "pop3.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    AUTHORIZATION = 1,
    TRANSACTION = 2,
    ANY_STATE = AUTHORIZATION | TRANSACTION
};

/* ---- what the handlers share ---- */

static unsigned ok(struct session *s, const char *text)
{
    stream_printf(&s->stream, "+OK %s\r\n", text);
    return s->state;
}

static uint64_t messages_left(const struct session *s)
{
    return s->maildrop.count - s->maildrop.marks.marked;
}

static unsigned say_summary(struct session *s, unsigned next)
{
    stream_printf(&s->stream,
                  "+OK maildrop has %" PRIu64 " messages (%" PRIu64
                  " octets)\r\n",
                  messages_left(s), s->maildrop.octets_left);
    return next;
}

static unsigned finish_list(struct session *s)
{
    stream_puts(&s->stream, ".\r\n");
    return s->state;
}

static enum refusal refusal_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return REFUSE_NOTHING;
    case STATUS_CHANGED:
        return REFUSE_CHANGED;
    default:
        return REFUSE_TROUBLE;
    }
}

/* The one place that turns an argument into a message; *i counts from 0. */
static enum refusal find_message(struct session *s, struct slice argument,
                                 uint64_t *i)
{
    uint64_t number;

    if (slice_number(argument, &number) < 0)
        return REFUSE_NUMBER;
    if (number == 0 || number > s->maildrop.count)
        return REFUSE_ABSENT;
    *i = number - 1;
    return marks_has(&s->maildrop.marks, *i)
               ? REFUSE_DELETED
               : refusal_of(maildrop_list(&s->maildrop));
}

static unsigned refuse_message(struct session *s, enum status why)
{
    return session_refuse(s, refusal_of(why));
}

/* Sends a message behind "+OK <text>", its body cut after lines; *sent counts
 * it. */
static unsigned send_message(struct session *s, uint64_t i, uint64_t lines,
                             const char *text, uint64_t *sent)
{
    struct wire wire;

    enum status status = maildrop_confirm(&s->maildrop, i);
    if (status != STATUS_OK)
        return refuse_message(s, status);
    stream_printf(&s->stream, "+OK %s\r\n", text);
    wire_start(&wire, true, lines);
    if (maildrop_send(&s->maildrop, i, &wire, &s->stream) != STATUS_OK)
        return session_abort(s);
    ++*sent;
    return finish_list(s);
}

/* ---- AUTHORIZATION ---- */

static unsigned refuse_plaintext(struct session *s)
{
    return session_refuse(s, session_offers_tls(s) ? REFUSE_UNSECURED
                                                   : REFUSE_PLAINTEXT);
}

static unsigned do_user(struct session *s, const struct slice *arguments)
{
    if (!session_hears_plaintext(s)) {
        front_refused_plaintext(&s->front, MECHANISM_PASSWORD, arguments[0]);
        return refuse_plaintext(s);
    }
    if (slice_copy(arguments[0], s->user, sizeof s->user) < 0)
        s->user[0] = '\0';
    s->named = true;
    if (session_expect(s, MECHANISM_PASSWORD) < 0)
        return STATE_DONE;
    return ok(s, "send PASS");
}

/* The answer to every kind of login. */
static unsigned answer_login(struct session *s, enum refusal why, bool over)
{
    if (why == REFUSE_COUNT)
        return STATE_DONE;
    if (why == REFUSE_NOTHING)
        return say_summary(s, TRANSACTION);
    unsigned next = session_refuse(s, why);
    return over ? STATE_DONE : next;
}

static unsigned do_pass(struct session *s, const struct slice *arguments)
{
    bool over = false;

    if (!session_hears_plaintext(s))
        return refuse_plaintext(s);
    if (!s->named)
        return session_refuse(s, REFUSE_USER_FIRST);
    s->named = false;
    enum refusal why = session_login(s, MECHANISM_PASSWORD, slice_of(s->user),
                                     arguments[0], &over);
    return answer_login(s, why, over);
}

static unsigned do_apop(struct session *s, const struct slice *arguments)
{
    bool over = false;

    if (!session_offers(s, MECHANISM_APOP))
        return session_refuse(s, REFUSE_COMMAND);
    s->named = false;
    enum refusal why =
        session_login(s, MECHANISM_APOP, arguments[0], arguments[1], &over);
    return answer_login(s, why, over);
}

/* Old-style discovery (Outlook, c-client): the mechanisms, one a line. */
static unsigned list_mechanisms(struct session *s)
{
    ok(s, "mechanisms follow");
    for (enum mechanism m = 0; m < MECHANISM_COUNT; m++)
        if (mechanism_rows[m].sasl && session_offers(s, m))
            stream_printf(&s->stream, "%s\r\n", mechanism_rows[m].name);
    return finish_list(s);
}

static enum mechanism find_mechanism(struct slice name)
{
    enum mechanism m = 0;

    while (m < MECHANISM_COUNT &&
           !(mechanism_rows[m].sasl && slice_is(name, mechanism_rows[m].name)))
        m++;
    return m;
}

static unsigned do_auth(struct session *s, const struct slice *arguments)
{
    bool over = false;

    if (arguments[0].len == 0)
        return list_mechanisms(s);
    enum mechanism m = find_mechanism(arguments[0]);
    if (m < MECHANISM_COUNT && mechanism_rows[m].plaintext &&
        !session_hears_plaintext(s)) {
        front_refused_plaintext(&s->front, m, slice_of(""));
        return refuse_plaintext(s);
    }
    if (m == MECHANISM_COUNT || !session_offers(s, m))
        return session_refuse(s, REFUSE_MECHANISM);
    s->named = false;
    enum refusal why = session_authenticate(s, m, arguments[1], &over);
    return answer_login(s, why, over);
}

/* RFC 2595: TLS begins behind the CRLF of the reply, and everything that was
 * said before, by either side, is forgotten. */
static unsigned do_stls(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    if (s->setup->secured)
        return session_refuse(s, REFUSE_SECURED);
    if (!session_offers_tls(s))
        return session_refuse(s, REFUSE_TLS);
    enum refusal why = session_prepare_tls(s);
    if (why == REFUSE_COUNT)
        return STATE_DONE;
    if (why != REFUSE_NOTHING)
        return session_refuse(s, why);
    ok(s, "begin TLS");
    return session_begin_tls(s) < 0 ? STATE_DONE : s->state;
}

/* ---- TRANSACTION ---- */

static unsigned do_stat(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    stream_printf(&s->stream, "+OK %" PRIu64 " %" PRIu64 "\r\n",
                  messages_left(s), s->maildrop.octets_left);
    return s->state;
}

static unsigned list_one(struct session *s, struct slice argument)
{
    uint64_t i;
    enum refusal why = find_message(s, argument, &i);

    if (why != REFUSE_NOTHING)
        return session_refuse(s, why);
    stream_printf(&s->stream, "+OK %" PRIu64 " %" PRIu64 "\r\n", i + 1,
                  s->maildrop.table.messages[i].wire);
    return s->state;
}

static unsigned do_list(struct session *s, const struct slice *arguments)
{
    struct maildrop *m = &s->maildrop;

    if (arguments[0].len > 0)
        return list_one(s, arguments[0]);
    enum status status = maildrop_list(m);
    if (status != STATUS_OK)
        return refuse_message(s, status);
    stream_printf(&s->stream,
                  "+OK %" PRIu64 " messages (%" PRIu64 " octets)\r\n",
                  messages_left(s), m->octets_left);
    for (uint64_t i = 0; i < m->count; i++)
        if (!marks_has(&m->marks, i))
            stream_printf(&s->stream, "%" PRIu64 " %" PRIu64 "\r\n", i + 1,
                          m->table.messages[i].wire);
    return finish_list(s);
}

static unsigned uidl_one(struct session *s, struct slice argument)
{
    char uidl[257];
    uint64_t i;
    enum refusal why = find_message(s, argument, &i);

    if (why != REFUSE_NOTHING)
        return session_refuse(s, why);
    enum status status = maildrop_uidl(&s->maildrop, i, uidl);
    if (status != STATUS_OK)
        return refuse_message(s, status);
    stream_printf(&s->stream, "+OK %" PRIu64 " %s\r\n", i + 1, uidl);
    return s->state;
}

static unsigned do_uidl(struct session *s, const struct slice *arguments)
{
    struct maildrop *m = &s->maildrop;
    char uidl[257];

    if (arguments[0].len > 0)
        return uidl_one(s, arguments[0]);
    enum status status = m->count > 0 ? maildrop_uidl(m, 0, uidl) : STATUS_OK;
    if (status != STATUS_OK)
        return refuse_message(s, status);
    stream_printf(&s->stream, "+OK %" PRIu64 " messages\r\n", messages_left(s));
    for (uint64_t i = 0; i < m->count; i++)
        if (!marks_has(&m->marks, i) && maildrop_uidl(m, i, uidl) == STATUS_OK)
            stream_printf(&s->stream, "%" PRIu64 " %s\r\n", i + 1, uidl);
    return finish_list(s);
}

static unsigned do_retr(struct session *s, const struct slice *arguments)
{
    char text[64];
    uint64_t i;
    enum refusal why = find_message(s, arguments[0], &i);

    if (why != REFUSE_NOTHING)
        return session_refuse(s, why);
    snprintf(text, sizeof text, "%" PRIu64 " octets",
             s->maildrop.table.messages[i].wire);
    uint64_t before = s->retrieved;
    unsigned next = send_message(s, i, WIRE_ALL_LINES, text, &s->retrieved);
    if (s->retrieved > before && i + 1 > s->last)
        s->last = i + 1;
    return next;
}

static unsigned do_top(struct session *s, const struct slice *arguments)
{
    uint64_t i, lines;
    enum refusal why = find_message(s, arguments[0], &i);

    if (why != REFUSE_NOTHING)
        return session_refuse(s, why);
    if (slice_number(arguments[1], &lines) < 0)
        return session_refuse(s, REFUSE_NUMBER);
    return send_message(s, i, lines, "top of message follows", &s->top);
}

static unsigned do_dele(struct session *s, const struct slice *arguments)
{
    uint64_t i;
    enum refusal why = find_message(s, arguments[0], &i);

    if (why == REFUSE_NOTHING && (s->read_only || !s->maildrop.writable))
        why = REFUSE_READ_ONLY;
    if (why != REFUSE_NOTHING)
        return session_refuse(s, why);
    maildrop_mark(&s->maildrop, i);
    stream_printf(&s->stream, "+OK message %" PRIu64 " marked for deletion\r\n",
                  i + 1);
    return s->state;
}

static unsigned do_noop(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    stream_puts(&s->stream, "+OK\r\n");
    return s->state;
}

static unsigned do_rset(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    maildrop_unmark_all(&s->maildrop);
    s->last = 0;
    return say_summary(s, s->state);
}

static unsigned do_last(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    stream_printf(&s->stream, "+OK %" PRIu64 "\r\n", s->last);
    return s->state;
}

/* ---- any state ---- */

/* UPDATE, and only then the answer: +OK means that it is done. */
static unsigned do_quit(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    s->end = END_QUIT;
    enum refusal why =
        s->state == TRANSACTION ? session_commit(s) : REFUSE_NOTHING;
    if (why == REFUSE_NOTHING)
        ok(s, "bye");
    else
        session_refuse(s, why);
    return STATE_DONE;
}

static unsigned do_capa(struct session *s, const struct slice *arguments);

/* RFC 6856: the client takes UTF-8 everywhere. It gets what it would get
 * anyhow: messages go out as they are stored. */
static unsigned do_utf8(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    return ok(s, "UTF-8 is welcome");
}

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct command commands[] = {
    {"USER", AUTHORIZATION, 1, 1, do_user, "USER", session_hears_plaintext},
    {"PASS", AUTHORIZATION, 1, ARGUMENTS_REST, do_pass, NULL, NULL},
    {"APOP", AUTHORIZATION, 2, 2, do_apop, NULL, NULL},
    {"AUTH", AUTHORIZATION, 0, 2, do_auth, NULL, NULL},
    {"STLS", AUTHORIZATION, 0, 0, do_stls, "STLS", session_offers_tls},
    {"STAT", TRANSACTION, 0, 0, do_stat, NULL, NULL},
    {"LIST", TRANSACTION, 0, 1, do_list, NULL, NULL},
    {"RETR", TRANSACTION, 1, 1, do_retr, NULL, NULL},
    {"DELE", TRANSACTION, 1, 1, do_dele, NULL, NULL},
    {"NOOP", TRANSACTION, 0, 0, do_noop, NULL, NULL},
    {"RSET", TRANSACTION, 0, 0, do_rset, NULL, NULL},
    {"TOP", TRANSACTION, 2, 2, do_top, "TOP", NULL},
    {"UIDL", TRANSACTION, 0, 1, do_uidl, "UIDL", NULL},
    {"LAST", TRANSACTION, 0, 0, do_last, NULL, NULL},
    {"UTF8", AUTHORIZATION, 0, 0, do_utf8, "UTF8", NULL},
    {"CAPA", ANY_STATE, 0, 0, do_capa, NULL, NULL},
    {"QUIT", ANY_STATE, 0, 0, do_quit, NULL, NULL},
};

/* In both states, and what may be asked for on this connection. */
static void say_sasl(struct session *s)
{
    const char *before = "SASL ";

    for (enum mechanism m = 0; m < MECHANISM_COUNT; m++)
        if (mechanism_rows[m].sasl && session_offers(s, m)) {
            stream_printf(&s->stream, "%s%s", before, mechanism_rows[m].name);
            before = " ";
        }
    if (before[1] == '\0')
        stream_puts(&s->stream, "\r\n");
}

/* RFC 2449: each row's line, then what belongs to no command. What stands here
 * before the login stands here after it, too. */
static unsigned do_capa(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    ok(s, "capability list follows");
    for (size_t i = 0; i < LENGTH(commands); i++) {
        const struct command *c = &commands[i];
        if (c->capability != NULL && (c->offered == NULL || c->offered(s)))
            stream_printf(&s->stream, "%s\r\n", c->capability);
    }
    say_sasl(s);
    stream_puts(&s->stream, "RESP-CODES\r\nAUTH-RESP-CODE\r\n"
                            "PIPELINING\r\nEXPIRE NEVER\r\n");
    if (s->state == TRANSACTION)
        stream_puts(&s->stream, "IMPLEMENTATION restante-" VERSION "\r\n");
    return finish_list(s);
}

/* ---- the protocol ---- */

static const char *const texts[REFUSE_COUNT] = {
    [REFUSE_COMMAND] = "unknown command",
    [REFUSE_STATE] = "command not allowed in this state",
    [REFUSE_ARGUMENTS] = "wrong number of arguments",
    [REFUSE_LINE] = "line too long",
    [REFUSE_NUMBER] = "not a message number",
    [REFUSE_ABSENT] = "no such message",
    [REFUSE_DELETED] = "message is deleted",
    [REFUSE_USER_FIRST] = "send USER first",
    [REFUSE_MECHANISM] = "unknown authentication mechanism",
    [REFUSE_CREDENTIALS] = "[AUTH] authentication failed",
    [REFUSE_CANCELLED] = "authentication cancelled",
    [REFUSE_AUTH] =
        "[SYS/TEMP] authentication is not available, try again later",
    [REFUSE_PLAINTEXT] = "clear-text logins are not allowed on this connection",
    [REFUSE_UNSECURED] = ("clear-text logins are not allowed on this "
                          "connection, send STLS first"),
    [REFUSE_SECURED] = "TLS is active already",
    [REFUSE_TLS] = "[SYS/PERM] TLS is not available",
    [REFUSE_BUSY] = "[IN-USE] maildrop is locked by another session",
    [REFUSE_FORBIDDEN] = "[SYS/PERM] maildrop cannot be opened",
    [REFUSE_TROUBLE] = "[SYS/TEMP] maildrop is not available, try again later",
    [REFUSE_CHANGED] = "[SYS/TEMP] message has changed, log in again",
    [REFUSE_READ_ONLY] = "[SYS/PERM] maildrop is read-only",
    [REFUSE_KEPT] = "[SYS/TEMP] deleted messages were not removed",
    [REFUSE_KEPT_EVER] = "[SYS/PERM] deleted messages were not removed",
};

/* The timestamp is the announcement of APOP, and is never there without it. */
static void greet(struct session *s)
{
    bool apop = session_offers(s, MECHANISM_APOP);

    stream_printf(&s->stream, "+OK POP3 %s ready%s%s\r\n", s->host,
                  apop ? " " : "", apop ? s->setup->stamp : "");
}

const struct protocol pop3_protocol = {
    .program = "pop3d",
    .method = "PASS",
    .mechanisms =
        MECHANISM_BIT(MECHANISM_PASSWORD) | MECHANISM_BIT(MECHANISM_PLAIN) |
        MECHANISM_BIT(MECHANISM_LOGIN) | MECHANISM_BIT(MECHANISM_APOP) |
        MECHANISM_BIT(MECHANISM_CRAM_MD5) |
        MECHANISM_BIT(MECHANISM_SCRAM_SHA_1) |
        MECHANISM_BIT(MECHANISM_SCRAM_SHA_256) |
        MECHANISM_BIT(MECHANISM_GSSAPI) | MECHANISM_BIT(MECHANISM_KERBEROS_V4),
    .commands = commands,
    .command_count = LENGTH(commands),
    .login_state = AUTHORIZATION,
    .login_line = 255,
    .line = 512,
    .error = "-ERR ",
    .refusal_ends = false,
    .tls = true,
    .misconfigured = "-ERR [SYS/PERM] server misconfigured\r\n",
    .texts = texts,
    .greet = greet,
};
