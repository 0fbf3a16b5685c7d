/* Session lock and mailbox locks. Runs in the keeper, as the user; distrusts
 * the other lockers' patience. */

#include "spool/lock.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    PAUSE_LEAST = 20,
    PAUSE_SPREAD = 128
}; /* milliseconds */

int lock_fcntl(int fd, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return 0;
    if (errno == EACCES)
        errno = EAGAIN;
    return -1;
}

int lock_session(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                    0600);

    if (fd < 0)
        return -1;
    if (lock_fcntl(fd, F_WRLCK) < 0) {
        int saved = errno == EAGAIN ? EWOULDBLOCK : errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* A random pause, so that two who give way to each other do not meet again. */
static void pause_a_little(void)
{
    uint8_t dice = 0;

    if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) < 0)
        dice = (uint8_t)clock_ms();
    clock_sleep_until(clock_ms() + PAUSE_LEAST + dice % PAUSE_SPREAD);
}

/* One try at one lock or at all of them, holding none when it fails. */
struct attempt {
    int fd;
    short type;
    struct dotlocker *dotlocker; /* NULL: the fcntl lock alone */
    bool dotlocked;
};

static int attempt(struct attempt *a)
{
    if (lock_fcntl(a->fd, a->type) < 0)
        return -1;
    if (a->dotlocker == NULL)
        return 0;
    a->dotlocked = a->dotlocker->take(a->dotlocker) == 0;
    if (a->dotlocked || errno != EEXIST)
        return 0;
    lock_fcntl(a->fd, F_UNLCK);
    errno = EAGAIN;
    return -1;
}

static int attempt_within(struct attempt *a, int64_t patience)
{
    int64_t deadline = clock_ms() + patience;

    while (attempt(a) < 0) {
        if (errno != EAGAIN)
            return -1;
        if (clock_ms() >= deadline) {
            errno = EWOULDBLOCK;
            return -1;
        }
        pause_a_little();
    }
    return 0;
}

int lock_fcntl_within(int fd, short type, int64_t patience)
{
    struct attempt a = {.fd = fd, .type = type};

    return attempt_within(&a, patience);
}

int lock_mailbox(int fd, short type, struct dotlocker *dotlocker,
                 int64_t patience, bool *dotlocked)
{
    struct attempt a = {.fd = fd, .type = type, .dotlocker = dotlocker};
    int result = attempt_within(&a, patience);

    *dotlocked = a.dotlocked;
    return result;
}

void lock_refresh(struct dotlocker *dotlocker)
{
    if (dotlocker != NULL && dotlocker->refresh != NULL)
        dotlocker->refresh(dotlocker);
}

void unlock_mailbox(int fd, struct dotlocker *dotlocker, bool dotlocked)
{
    if (dotlocked)
        dotlocker->release(dotlocker);
    lock_fcntl(fd, F_UNLCK);
}
