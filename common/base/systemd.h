#ifndef BASE_SYSTEMD_H
#define BASE_SYSTEMD_H

#include <sys/uio.h>

/*
 * What we have of systemd. systemd_loaded.c asks libsystemd, which is loaded
 * when it is needed; systemd_spoken.c speaks for itself, where nothing can be
 * loaded.
 */

/* How many descriptors did the service manager pass to this process, from
 * SYSTEMD_FIRST on? Takes them for itself: they are closed at exec, and the
 * environment no longer tells of them. -1: it cannot be found out. As
 * sd_listen_fds(3). */
int systemd_passed(void);

enum {
    SYSTEMD_FIRST = 3
};

/* Sends one entry of count NAME=value fields, none of them with a line feed, to
 * the journal. Returns 0, or a negative number. As sd_journal_sendv(3). */
typedef int systemd_send(const struct iovec *fields, int count);

/* What does so; NULL when nothing can. */
systemd_send *systemd_journal(void);

#endif
