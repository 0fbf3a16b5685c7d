#ifndef ROOMS_REPORT_H
#define ROOMS_REPORT_H

/* The lines of the log, as the man pages document them: one a login, a failure
 * and an end, and warnings. Whatever came from outside is quoted. */

#include "rooms/contract.h"
#include "rooms/setup.h"

/* A login that succeeded, by method. */
void report_login(const struct setup *setup, const char *method,
                  const char *user);

/* One that failed, the attempt'th of the connection: "refused", "unavailable"
 * or "plaintext". */
void report_failure(const struct setup *setup, const char *method,
                    unsigned attempt, const char *reason, const char *user);

/* What auth noticed beside its decision, if anything. */
void report_remark(const struct setup *setup, const struct frame_decision *d);

/* What the keeper of user noticed. */
void report_notice(const struct setup *setup, const char *user,
                   const struct frame_notice *notice);

/* A room that died of something else than its work; status is waitpid(2)'s. */
void report_death(const struct setup *setup, int status, const char *room);

/* The end of a session, and of a connection without one. words is what front
 * said at its end, or NULL when it was killed. */
void report_end(const struct setup *setup, const char *user,
                const struct frame_farewell *words);
void report_closed(const struct setup *setup,
                   const struct frame_farewell *words);

#endif
