/*
 * The command engine and what both protocols do alike. Runs in front, as
 * _restante in an empty chroot; every octet of a command is hostile.
 */

#include "serve/session.h"
#include "base/clock.h"
#include "serve/proxied.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the end ---- */

static void note_end(struct session *s, enum stream_event event)
{
    switch (event) {
    case STREAM_EOF:
        s->end = END_EOF;
        break;
    case STREAM_TIMEOUT:
        s->end = END_TIMEOUT;
        break;
    default:
        s->end = END_ERROR;
    }
}

/* ---- refusals ---- */

unsigned session_refuse(struct session *s, enum refusal why)
{
    stream_printf(&s->stream, "%s%s\r\n", s->protocol->error,
                  s->protocol->texts[why]);
    if (!s->protocol->refusal_ends)
        return s->state;
    s->end = END_REFUSED;
    return STATE_DONE;
}

unsigned session_abort(struct session *s)
{
    note_end(s, s->stream.end);
    return STATE_DONE;
}

/* ---- login and maildrop ---- */

static enum refusal refusal_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return REFUSE_NOTHING;
    case STATUS_BUSY:
        return REFUSE_BUSY;
    case STATUS_FORBIDDEN:
        return REFUSE_FORBIDDEN;
    default:
        return REFUSE_TROUBLE;
    }
}

enum refusal session_open(struct session *s, const char *folder)
{
    enum refusal why = refusal_of(maildrop_open(&s->maildrop, folder));

    s->messages = s->maildrop.count;
    s->octets = s->maildrop.octets;
    return why;
}

static enum refusal open_after_login(struct session *s)
{
    s->logged_in = true;
    s->stream.write_ends = CLOCK_NEVER;
    s->stream.guards[1] = s->front.keeper;
    maildrop_start(&s->maildrop, s->front.keeper);
    enum refusal why = session_open(s, "");
    if (why != REFUSE_NOTHING)
        s->end = why == REFUSE_BUSY ? END_INUSE : END_ERROR;
    return why;
}

bool session_hears_plaintext(const struct session *s)
{
    return s->setup->plaintext;
}

bool session_offers(const struct session *s, enum mechanism mechanism)
{
    return mechanism_offered(mechanism, s->setup->mechanisms, s->setup->keys,
                             session_hears_plaintext(s));
}

/* Auth or the monitor cannot be reached any more. */
static enum refusal lost(struct session *s)
{
    if (errno == EPERM)
        s->end = END_REFUSED;
    else
        s->end =
            clock_left(s->setup->login_ends) == 0 ? END_TIMEOUT : END_ERROR;
    return REFUSE_COUNT;
}

static enum refusal take_verdict(struct session *s, enum outcome outcome,
                                 bool *over)
{
    enum refusal why;

    switch (outcome) {
    case OUTCOME_ACCEPTED:
        why = open_after_login(s);
        *over = why != REFUSE_NOTHING;
        return why;
    case OUTCOME_CANCELLED:
        why = REFUSE_CANCELLED;
        break;
    case OUTCOME_REFUSED:
        why = REFUSE_CREDENTIALS;
        break;
    default:
        why = REFUSE_AUTH;
    }
    s->end = END_REFUSED;
    return why;
}

int session_expect(struct session *s, enum mechanism mechanism)
{
    if (front_ask_auth(&s->front, mechanism, s->setup->login_ends) == 0)
        return 0;
    lost(s);
    return -1;
}

enum refusal session_login(struct session *s, enum mechanism mechanism,
                           struct slice user, struct slice password, bool *over)
{
    struct frame_password words = {.user = ""};
    enum outcome outcome = OUTCOME_REFUSED;

    /* A name or password that does not fit is as wrong as any other. */
    if (slice_copy(user, words.user, sizeof words.user) < 0)
        words.user[0] = '\0';
    if (slice_copy(password, words.password, sizeof words.password) < 0)
        words.user[0] = '\0';
    int result = front_login(&s->front, mechanism, &words, s->setup->login_ends,
                             &outcome, over);
    explicit_bzero(&words, sizeof words);
    return result < 0 ? lost(s) : take_verdict(s, outcome, over);
}

/* ---- SASL: the lines are auth's and the client's to understand ---- */

/* Carries the client's next line to auth. Returns false when he is gone. */
static bool carry_response(struct session *s)
{
    struct slice piece;
    bool more = true;

    while (more) {
        enum stream_event event = stream_piece(
            &s->stream, PIECE_OCTETS, s->setup->login_ends, &piece, &more);
        if (event != STREAM_LINE) {
            note_end(s, event);
            return false;
        }
        front_say(&s->front, piece, false, more);
    }
    return true;
}

/* Carries auth's next challenge to the client. Returns 1; 0 when there is a
 * verdict instead; -1 when nobody answers. */
static int carry_challenge(struct session *s, enum outcome *outcome, bool *over)
{
    struct frame_piece piece = {.more = 1};
    int heard =
        front_hear(&s->front, s->setup->login_ends, &piece, outcome, over);

    if (heard != 1)
        return heard;
    stream_puts(&s->stream, "+ ");
    stream_put(&s->stream, piece.octets, piece.size);
    while (piece.more != 0) {
        heard =
            front_hear(&s->front, s->setup->login_ends, &piece, outcome, over);
        if (heard != 1)
            return -1;
        stream_put(&s->stream, piece.octets, piece.size);
    }
    stream_puts(&s->stream, "\r\n");
    return 1;
}

enum refusal session_authenticate(struct session *s, enum mechanism mechanism,
                                  struct slice initial, bool *over)
{
    enum outcome outcome = OUTCOME_REFUSED;
    int heard;

    if (front_ask_auth(&s->front, mechanism, s->setup->login_ends) < 0)
        return lost(s);
    front_say(&s->front, initial, initial.at != NULL, false);
    while ((heard = carry_challenge(s, &outcome, over)) == 1)
        if (!carry_response(s))
            return REFUSE_COUNT;
    return heard < 0 ? lost(s) : take_verdict(s, outcome, over);
}

enum refusal session_commit(struct session *s)
{
    uint64_t marked = s->maildrop.marks.marked;

    switch (maildrop_commit(&s->maildrop)) {
    case STATUS_OK:
        s->deleted += marked;
        return REFUSE_NOTHING;
    case STATUS_FORBIDDEN:
        return REFUSE_KEPT_EVER;
    default:
        return REFUSE_KEPT;
    }
}

/* ---- TLS ---- */

bool session_offers_tls(const struct session *s)
{
    return s->setup->tls.offered && !s->setup->secured && !s->tls_failed &&
           !s->logged_in;
}

enum refusal session_prepare_tls(struct session *s)
{
    int64_t deadline = s->setup->login_ends;
    bool usable = false, last;
    enum outcome outcome;

    if (front_drop_auth(&s->front, deadline, &outcome, &last) < 0 ||
        front_ask_tls(&s->front, deadline, &usable) < 0)
        return lost(s);
    s->tls_failed = !usable;
    return usable ? REFUSE_NOTHING : REFUSE_TLS;
}

int session_begin_tls(struct session *s)
{
    stream_flush(&s->stream);
    if (s->stream.end != STREAM_LINE) {
        session_abort(s);
        return -1;
    }
    if (front_hand_over(&s->front, s->stream.in, s->stream.out) < 0) {
        s->end = END_ERROR;
        return -1;
    }
    stream_move(&s->stream, s->front.inside, s->front.inside);
    explicit_bzero(s->user, sizeof s->user);
    s->named = false;
    if (s->setup != &s->told)
        s->told = *s->setup;
    s->setup = &s->told;
    setup_secure(&s->told, "");
    return 0;
}

/* --tls: not a word before it. */
static int begin_with_tls(struct session *s)
{
    if (!s->setup->tls.first)
        return 0;
    switch (session_prepare_tls(s)) {
    case REFUSE_NOTHING:
        return session_begin_tls(s);
    case REFUSE_COUNT:
        return -1;
    default:
        s->end = END_ERROR;
        return -1;
    }
}

/* ---- the engine ---- */

static const struct command *find(const struct protocol *p, struct slice verb)
{
    for (size_t i = 0; i < p->command_count; i++)
        if (slice_is(verb, p->commands[i].verb))
            return &p->commands[i];
    return NULL;
}

/* Splits the arguments as the row wants them. Returns their number, one more
 * than ARGUMENTS_MAX for too many. */
static size_t split(const struct command *c, struct slice rest,
                    struct slice *arguments)
{
    size_t count = 0;

    if (c->max == ARGUMENTS_REST) {
        if (rest.len == 0)
            return 0;
        arguments[0] = (struct slice){rest.at + 1, rest.len - 1};
        return 1;
    }
    for (;;) {
        struct slice word = slice_word(&rest);
        if (word.len == 0)
            return count;
        if (count == ARGUMENTS_MAX)
            return count + 1;
        arguments[count++] = word;
    }
}

static unsigned dispatch(struct session *s, struct slice line)
{
    struct slice arguments[ARGUMENTS_MAX] = {{NULL, 0}};
    struct slice rest = line;
    const struct command *c = find(s->protocol, slice_word(&rest));

    if (c == NULL || (line.len > 0 && line.at[0] == ' '))
        return session_refuse(s, REFUSE_COMMAND);
    if ((c->states & s->state) == 0)
        return session_refuse(s, REFUSE_STATE);
    size_t count = split(c, rest, arguments);
    if (count < c->min || count > c->max)
        return session_refuse(s, REFUSE_ARGUMENTS);
    return c->handler(s, arguments);
}

/* Waits for a command. Before the login one deadline holds for all of it, so
 * that octets that trickle extend nothing. */
static enum stream_event next_line(struct session *s, struct slice *line)
{
    size_t max = s->logged_in ? s->protocol->line : s->protocol->login_line;
    int64_t deadline =
        s->logged_in ? clock_in_seconds(s->timeout) : s->setup->login_ends;

    return stream_line(&s->stream, max, deadline, line);
}

void session_serve(struct session *s)
{
    struct slice line;

    if (proxied_begin(s) < 0 || begin_with_tls(s) < 0)
        return;
    s->protocol->greet(s);
    while (s->state != STATE_DONE) {
        enum stream_event event = next_line(s, &line);
        if (event == STREAM_LINE) {
            bool secret = !s->logged_in; /* it may be, whatever the verb */
            s->state = dispatch(s, line);
            if (secret)
                stream_forget(&s->stream);
        } else if (event == STREAM_LONG) {
            s->state = session_refuse(s, REFUSE_LINE);
        } else {
            note_end(s, event);
            s->state = STATE_DONE;
        }
    }
    stream_flush(&s->stream);
}

/* ---- the room ---- */

static void farewell(const struct session *s)
{
    struct frame_farewell words = {.reason = s->end,
                                   .messages = s->messages,
                                   .octets = s->octets,
                                   .retrieved = s->retrieved,
                                   .top = s->top,
                                   .deleted = s->deleted,
                                   .received = s->stream.received,
                                   .sent = s->stream.sent};

    front_farewell(&s->front, &words);
}

void session_begin(struct session *s, const struct setup *setup,
                   const struct session_terms *terms, int monitor)
{
    s->protocol = terms->protocol;
    s->setup = setup;
    s->read_only = terms->read_only;
    s->timeout = terms->timeout;
    s->state = terms->protocol->login_state;
    s->front = (struct front){
        .monitor = monitor, .auth = -1, .keeper = -1, .tls = -1, .inside = -1};
    if (gethostname(s->host, sizeof s->host - 1) < 0 || s->host[0] == '\0')
        strcpy(s->host, "localhost");
    stream_start(&s->stream, setup->in, setup->out);
    s->stream.guards[0] = monitor;
    s->stream.write_patience = setup->patience;
    s->stream.write_ends = setup->login_ends;
}

void session_live(const struct setup *setup, const struct session_terms *terms,
                  int monitor, pid_t parent)
{
    struct session *s = calloc(1, sizeof *s);

    if (s == NULL)
        _exit(EXIT_CAGE + errno);
    session_begin(s, setup, terms, monitor);
    if (front_enter(setup, monitor, parent) < 0)
        _exit(EXIT_CAGE + errno);
    session_serve(s);
    farewell(s);
    stream_part(&s->stream);
    _exit(0);
}
