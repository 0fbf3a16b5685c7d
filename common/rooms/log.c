/* The log. Runs in the monitor; distrusts every name it is given to write. */

#include "rooms/log.h"
#include "rooms/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_OCTETS = 1000
};

static void write_syslog(const struct log *log, int priority, const char *text)
{
    (void)log;
    syslog(priority, "%s", text);
}

static void write_stderr(const struct log *log, int priority, const char *text)
{
    char line[LINE_MAX_OCTETS + 64];
    int len = snprintf(line, sizeof line, "%s[%ld]: %s\n", log->ident,
                       (long)getpid(), text);

    (void)priority;
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
        return; /* nobody is left to be told */
}

static void write_journal(const struct log *log, int priority, const char *text)
{
    char message[LINE_MAX_OCTETS + 16], level[16], ident[64];
    char room[FIELDS_OCTETS];
    struct iovec fields[3 + FIELDS_MAX] = {
        {message, 0}, {level, 0}, {ident, 0}};

    fields[0].iov_len = (size_t)sprintf(message, "MESSAGE=%s", text);
    fields[1].iov_len = (size_t)sprintf(level, "PRIORITY=%i", priority);
    fields[2].iov_len = (size_t)snprintf(ident, sizeof ident,
                                         "SYSLOG_IDENTIFIER=%s", log->ident);
    size_t count = fields_of(text, fields + 3, room);
    log->journal(fields, (int)(3 + count));
}

/* The zone is read now: after the drop its file may be out of reach. */
void log_to_syslog(struct log *log, const char *ident)
{
    *log = (struct log){.write = write_syslog, .ident = ident};
    tzset();
    openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void log_to_stderr(struct log *log, const char *ident)
{
    *log = (struct log){.write = write_stderr, .ident = ident};
}

void log_to_journal(struct log *log, const char *ident)
{
    systemd_send *send = systemd_journal();

    if (send == NULL) {
        log_to_syslog(log, ident);
        return;
    }
    *log =
        (struct log){.write = write_journal, .ident = ident, .journal = send};
}

/* Paths and other programs' words are not quoted, but they add no line. */
static void make_one_line(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void log_line(const struct log *log, int priority, const char *format, ...)
{
    char text[LINE_MAX_OCTETS];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_one_line(text);
    log->write(log, priority, text);
}

const char *log_quote(char *quoted, const char *text)
{
    char *to = quoted;

    for (size_t i = 0; i < 64 && text[i] != '\0'; i++) {
        unsigned char octet = (unsigned char)text[i];
        if (octet > 0x20 && octet < 0x7f && octet != '"' && octet != '\\')
            *to++ = (char)octet;
        else
            to += sprintf(to, "\\x%02x", octet);
    }
    *to = '\0';
    return quoted;
}
