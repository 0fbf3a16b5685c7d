/* What the monitor writes into the log. Runs in the monitor, before and after
 * its drop; distrusts every name and number that another room supplied. */

#include "rooms/report.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

void report_login(const struct setup *setup, const char *method,
                  const char *user)
{
    char quoted[LOG_QUOTED];

    log_line(&setup->log, LOG_INFO, "login: peer=%s%s method=%s user=\"%s\"",
             setup->peer.text, setup->via, method, log_quote(quoted, user));
}

void report_failure(const struct setup *setup, const char *method,
                    unsigned attempt, const char *reason, const char *user)
{
    char quoted[LOG_QUOTED];

    log_line(&setup->log, LOG_NOTICE,
             "login failed: peer=%s%s method=%s attempt=%u reason=%s "
             "user=\"%s\"",
             setup->peer.text, setup->via, method, attempt, reason,
             log_quote(quoted, user));
}

/* What an administrator can do something about. */
void report_remark(const struct setup *setup, const struct frame_decision *d)
{
    static const char *const texts[REMARK_COUNT] = {
        [REMARK_KEY_FILE] = "the key file has no key that can be used",
        [REMARK_TICKET_KEY] = "no key in the key file opens the ticket",
        [REMARK_TICKET_SERVICE] = "the ticket is for another service or host",
        [REMARK_TICKET_REALM] = "the ticket is of another realm",
        [REMARK_TICKET_CLOCK] = "the client's clock differs from ours",
        [REMARK_TICKET_EXPIRED] = "the ticket is not valid now",
        [REMARK_TICKET_ADDRESS] = "the ticket was issued to address ",
        [REMARK_TICKET_REPEATED] = "the ticket was used a second time",
        [REMARK_NO_REPLAYS] = "the state directory cannot remember tickets",
        [REMARK_PRINCIPAL] = "the principal may not log in as this user",
        [REMARK_MALFORMED] = "the salted secret of this user is malformed",
        [REMARK_SALTED] = "the secret of this user is none for this mechanism",
    };
    char quoted[LOG_QUOTED], address[INET_ADDRSTRLEN] = "";

    if (d->remark == REMARK_NONE)
        return;
    if (d->remark == REMARK_TICKET_ADDRESS)
        inet_ntop(AF_INET, d->remark_address, address, sizeof address);
    log_line(&setup->log, LOG_WARNING, "warning: peer=%s%s user=\"%s\" %s%s",
             setup->peer.text, setup->via, log_quote(quoted, d->claimed),
             texts[d->remark], address);
}

void report_notice(const struct setup *setup, const char *user,
                   const struct frame_notice *n)
{
    static const char *const texts[NOTICE_COUNT] = {
        [NOTICE_NO_STATE] = "the state directory cannot be used",
        [NOTICE_NO_DOTLOCK] = "no dotlock can be made beside the maildrop",
        [NOTICE_FORBIDDEN] = "the maildrop is not a plain file of this user",
        [NOTICE_TROUBLE] = "the maildrop cannot be served",
        [NOTICE_RECOVERED] = "an interrupted update was finished",
        [NOTICE_LEFT_OUT] = ("something in the maildrop is no message that can "
                             "be served and was left out"),
        [NOTICE_ASIDE] = ("a progress record fits the maildrop no more and was "
                          "put aside in the state directory"),
    };
    char quoted[LOG_QUOTED];

    log_line(&setup->log, LOG_WARNING, "warning: user=\"%s\" %s%s%s",
             log_quote(quoted, user), texts[n->notice],
             n->error != 0 ? ": " : "",
             n->error != 0 ? strerror(n->error) : "");
}

void report_death(const struct setup *setup, int status, const char *room)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
        log_line(&setup->log, LOG_ERR, "error: %s was killed by signal %d",
                 room, WTERMSIG(status));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OWNED)
        log_line(&setup->log, LOG_CRIT, "error: %s was sent what no room sends",
                 room);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LOADER)
        log_line(&setup->log, LOG_CRIT,
                 "error: %s could not be loaded: a library is missing", room);
    else if (WIFEXITED(status) && WEXITSTATUS(status) >= EXIT_CAGE)
        log_line(&setup->log, LOG_CRIT,
                 "error: %s could not enter its cage: %s", room,
                 strerror(WEXITSTATUS(status) - EXIT_CAGE));
}

static const char *reason_of(const struct frame_farewell *words)
{
    static const char *const reasons[END_COUNT] = {
        [END_QUIT] = "quit",   [END_EOF] = "eof",     [END_TIMEOUT] = "timeout",
        [END_ERROR] = "error", [END_INUSE] = "inuse", [END_REFUSED] = "refused",
        [END_PROXY] = "proxy",
    };

    return words != NULL ? reasons[words->reason] : "killed";
}

static long seconds_of(const struct setup *setup)
{
    return (long)((clock_ms() - setup->started) / 1000);
}

void report_end(const struct setup *setup, const char *user,
                const struct frame_farewell *words)
{
    static const struct frame_farewell nothing;
    const struct frame_farewell *f = words != NULL ? words : &nothing;
    char quoted[LOG_QUOTED];

    log_line(&setup->log, LOG_INFO,
             "session end: user=\"%s\" peer=%s secs=%ld reason=%s "
             "messages=%llu octets=%llu retrieved=%llu top=%llu deleted=%llu "
             "received=%llu sent=%llu",
             log_quote(quoted, user), setup->peer.text, seconds_of(setup),
             reason_of(words), (unsigned long long)f->messages,
             (unsigned long long)f->octets, (unsigned long long)f->retrieved,
             (unsigned long long)f->top, (unsigned long long)f->deleted,
             (unsigned long long)f->received, (unsigned long long)f->sent);
}

void report_closed(const struct setup *setup,
                   const struct frame_farewell *words)
{
    log_line(&setup->log, LOG_INFO,
             "closed before login: peer=%s secs=%ld reason=%s",
             setup->peer.text, seconds_of(setup), reason_of(words));
}
