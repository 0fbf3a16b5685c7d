#ifndef ROOMS_LOG_H
#define ROOMS_LOG_H

/* The log: one line an event. Only the monitor has one (and the start, before
 * the rooms divide). Text that came from outside goes through log_quote(). */

#include "base/systemd.h"

#include <stddef.h>
#include <syslog.h>

struct log {
    void (*write)(const struct log *, int priority, const char *text);
    const char *ident;     /* pop3d, pop2d */
    systemd_send *journal; /* for log_to_journal() */
};

/* Three places to log to. Where the journal cannot be had, syslog takes its
 * place. The journal gets each line and, of the line, the fields (see
 * fields.h).
 */
void log_to_syslog(struct log *log, const char *ident);
void log_to_stderr(struct log *log, const char *ident);
void log_to_journal(struct log *log, const char *ident);

/* Writes one line, at most 1,000 octets of it; control octets become '?'.
 * priority as syslog(3). */
void log_line(const struct log *log, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum {
    LOG_QUOTED = 64 * 4 + 1
};

/* Makes text safe inside double quotes: what is not printable ASCII, a quote
 * or a backslash becomes \xHH; at most 64 octets of text are taken. Returns
 * quoted, of LOG_QUOTED octets. */
const char *log_quote(char *quoted, const char *text);

#endif
