#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* A deadline is a value of clock_ms(); this one never comes. */
#define CLOCK_NEVER INT64_MAX

/* Milliseconds of the monotonic clock, the same in every room. */
int64_t clock_ms(void);

/* Milliseconds until the deadline, as poll(2) takes them: 0 when it has
 * passed, -1 for CLOCK_NEVER. */
int clock_left(int64_t deadline);

/* The deadline that lies seconds from now; 0 seconds mean CLOCK_NEVER. */
int64_t clock_in_seconds(uint64_t seconds);

/* Sleeps until the deadline, whatever signals come. */
void clock_sleep_until(int64_t deadline);

#endif
