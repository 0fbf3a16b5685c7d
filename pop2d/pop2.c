/*
 * POP2 (RFC 937): the command table and its handlers, nothing else. Runs in
 * front, as _restante in an empty chroot; the engine has checked verb and
 * state, the handlers trust nothing else. Every refusal ends the session, as
 * the RFC's state table has it.
 */

#include "pop2.h"

#include <inttypes.h>
#include <string.h>

/* The RFC's states; LSTN and DONE are before and after. */
enum {
    AUTH = 1, /* waiting for HELO */
    MBOX = 2, /* a mailbox is open */
    ITEM = 4, /* a length has been given */
    NEXT = 8  /* a message has been sent: only an acknowledgement may come */
};

/* ---- what the handlers share ---- */

/* The wire size of the current message; 0 when there is none, or it is
 * deleted. */
static uint64_t current_length(const struct session *s)
{
    const struct maildrop *m = &s->maildrop;

    if (s->current == 0 || s->current > m->count ||
        marks_has(&m->marks, s->current - 1))
        return 0;
    return m->table.messages[s->current - 1].wire;
}

static unsigned say_length(struct session *s)
{
    if (maildrop_list(&s->maildrop) != STATUS_OK)
        return session_refuse(s, REFUSE_TROUBLE);
    stream_printf(&s->stream, "=%" PRIu64 "\r\n", current_length(s));
    return ITEM;
}

static unsigned say_count(struct session *s)
{
    stream_printf(&s->stream, "#%" PRIu64 "\r\n", s->maildrop.count);
    s->current = 1;
    return MBOX;
}

/*
 * Cuts an argument off the front of *rest into word, taking the quotes away: a
 * backslash makes the next octet an ordinary one. Leading spaces are dropped;
 * an unquoted space ends the word unless spaces belong to it. Returns the
 * octets of word, or -1 when it does not fit.
 */
static int unquote(struct slice *rest, bool spaces, char *word, size_t size)
{
    size_t at = 0, len = 0;

    while (at < rest->len && rest->at[at] == ' ')
        at++;
    while (at < rest->len && (spaces || rest->at[at] != ' ')) {
        if (rest->at[at] == '\\' && at + 1 < rest->len)
            at++;
        if (len + 1 >= size || rest->at[at] == '\0')
            return -1;
        word[len++] = rest->at[at++];
    }
    word[len] = '\0';
    rest->at += at;
    rest->len -= at;
    return (int)len;
}

static bool only_spaces(struct slice rest)
{
    return slice_word(&rest).len == 0;
}

/* ---- AUTH ---- */

static unsigned do_helo(struct session *s, const struct slice *arguments)
{
    char user[TEXT_USER], password[TEXT_PASSWORD];
    struct slice rest = arguments[0];
    bool over = false;

    int user_len = unquote(&rest, false, user, sizeof user);
    if (!session_hears_plaintext(s)) {
        front_refused_plaintext(&s->front, MECHANISM_PASSWORD,
                                slice_of(user_len < 0 ? "" : user));
        return session_refuse(s, REFUSE_PLAINTEXT);
    }
    int password_len = unquote(&rest, false, password, sizeof password);
    if (user_len <= 0 || password_len <= 0 || !only_spaces(rest))
        return session_refuse(s, REFUSE_ARGUMENTS);
    enum refusal why = session_login(
        s, MECHANISM_PASSWORD, (struct slice){user, (size_t)user_len},
        (struct slice){password, (size_t)password_len}, &over);
    explicit_bzero(password, sizeof password);
    if (why == REFUSE_COUNT)
        return STATE_DONE;
    return why == REFUSE_NOTHING ? say_count(s) : session_refuse(s, why);
}

/* ---- MBOX and ITEM ---- */

/* Releases the present mailbox, and that is a commit; then opens another. What
 * is not there or not allowed counts as empty. */
static unsigned do_fold(struct session *s, const struct slice *arguments)
{
    char folder[TEXT_FOLDER];
    struct slice rest = arguments[0];

    int len = unquote(&rest, true, folder, sizeof folder);
    if (len == 0)
        return session_refuse(s, REFUSE_ARGUMENTS);
    if (len < 0) /* no mailbox has such a name */
        strcpy(folder, "/");
    enum refusal why = session_commit(s);
    if (why == REFUSE_NOTHING)
        why = session_open(s, folder);
    return why == REFUSE_NOTHING ? say_count(s) : session_refuse(s, why);
}

static unsigned do_read(struct session *s, const struct slice *arguments)
{
    if (arguments[0].len > 0 && slice_number(arguments[0], &s->current) < 0)
        return session_refuse(s, REFUSE_NUMBER);
    return say_length(s);
}

/* Exactly the octets announced: no line before them, no terminator behind, no
 * stuffing. */
static unsigned do_retr(struct session *s, const struct slice *arguments)
{
    struct wire wire;

    (void)arguments;
    s->end = END_REFUSED;
    if (current_length(s) == 0)
        return STATE_DONE;
    wire_start(&wire, false, WIRE_ALL_LINES);
    if (maildrop_confirm(&s->maildrop, s->current - 1) != STATUS_OK ||
        maildrop_send(&s->maildrop, s->current - 1, &wire, &s->stream) !=
            STATUS_OK)
        return session_abort(s);
    s->retrieved++;
    return NEXT;
}

/* ---- NEXT ---- */

static unsigned do_acks(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    s->current++;
    return say_length(s);
}

static unsigned do_ackd(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    if (!s->read_only && s->maildrop.writable)
        maildrop_mark(&s->maildrop, s->current - 1);
    s->current++;
    return say_length(s);
}

static unsigned do_nack(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    return say_length(s);
}

/* ---- AUTH, MBOX, ITEM ---- */

static unsigned do_quit(struct session *s, const struct slice *arguments)
{
    (void)arguments;
    s->end = END_QUIT;
    enum refusal why = s->state == AUTH ? REFUSE_NOTHING : session_commit(s);
    if (why == REFUSE_NOTHING)
        stream_puts(&s->stream, "+ bye\r\n");
    else
        session_refuse(s, why);
    return STATE_DONE;
}

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct command commands[] = {
    {"HELO", AUTH, 1, ARGUMENTS_REST, do_helo, NULL, NULL},
    {"FOLD", MBOX | ITEM, 1, ARGUMENTS_REST, do_fold, NULL, NULL},
    {"READ", MBOX | ITEM, 0, 1, do_read, NULL, NULL},
    {"RETR", ITEM, 0, 0, do_retr, NULL, NULL},
    {"ACKS", NEXT, 0, 0, do_acks, NULL, NULL},
    {"ACKD", NEXT, 0, 0, do_ackd, NULL, NULL},
    {"NACK", NEXT, 0, 0, do_nack, NULL, NULL},
    {"QUIT", AUTH | MBOX | ITEM, 0, 0, do_quit, NULL, NULL},
};

/* ---- the protocol ---- */

static const char *const texts[REFUSE_COUNT] = {
    [REFUSE_COMMAND] = "unknown command",
    [REFUSE_STATE] = "command not allowed in this state",
    [REFUSE_ARGUMENTS] = "wrong number of arguments",
    [REFUSE_LINE] = "line too long",
    [REFUSE_NUMBER] = "not a message number",
    [REFUSE_CREDENTIALS] = "authentication failed",
    [REFUSE_AUTH] = "authentication is not available, try again later",
    [REFUSE_PLAINTEXT] =
        "clear-text logins are not allowed from here (see --plaintext)",
    [REFUSE_BUSY] = "maildrop is locked by another session",
    [REFUSE_FORBIDDEN] = "maildrop cannot be opened",
    [REFUSE_TROUBLE] = "maildrop is not available, try again later",
    [REFUSE_KEPT] = "deleted messages were not removed",
    [REFUSE_KEPT_EVER] = "deleted messages were not removed",
};

/* Clients compare the first seven octets: nothing may stand between "+ " and
 * "POP2". */
static void greet(struct session *s)
{
    stream_printf(&s->stream, "+ POP2 %s ready\r\n", s->host);
}

const struct protocol pop2_protocol = {
    .program = "pop2d",
    .method = "HELO",
    .mechanisms = MECHANISM_BIT(MECHANISM_PASSWORD),
    .commands = commands,
    .command_count = LENGTH(commands),
    .login_state = AUTH,
    .login_line = 512,
    .line = 512,
    .error = "- ",
    .refusal_ends = true,
    .folders = true,
    .misconfigured = "- server misconfigured\r\n",
    .texts = texts,
    .greet = greet,
};
