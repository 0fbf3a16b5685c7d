/* The monotonic clock and deadlines. Runs in every room. */

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int clock_left(int64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    int64_t left = deadline - clock_ms();
    if (left <= 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

int64_t clock_in_seconds(uint64_t seconds)
{
    if (seconds == 0)
        return CLOCK_NEVER;
    return clock_ms() + (int64_t)seconds * 1000;
}

void clock_sleep_until(int64_t deadline)
{
    int left;

    while ((left = clock_left(deadline)) > 0)
        poll(NULL, 0, left);
}
