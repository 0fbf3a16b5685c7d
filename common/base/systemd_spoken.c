/*
 * systemd without its library: the two protocols it keeps stable for those who
 * have reason to speak them. Runs at the start, and in the monitor, as whoever
 * it is; trusts the environment, which is whoever's who started the program.
 */

#include "base/systemd.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MOST = 64,
    FIELDS_MOST = 64
};

/* The number that the environment gives; -1: none. */
static long number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return -1;
    long number = strtol(text, &end, 10);
    return *end == '\0' ? number : -1;
}

static int take(long count)
{
    for (int fd = SYSTEMD_FIRST; fd < SYSTEMD_FIRST + count; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return -1;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return (int)count;
}

int systemd_passed(void)
{
    long count = number_of("LISTEN_FDS");

    if (getenv("LISTEN_PID") == NULL)
        return 0;
    if (number_of("LISTEN_PID") < 0 || count < 0 || count > DESCRIPTORS_MOST)
        return -1;
    return number_of("LISTEN_PID") == getpid() ? take(count) : 0;
}

/* A datagram of lines, which is what fields without a line feed are. The socket
 * is not kept: journald may be another one at the next entry. */
static int send_entry(const struct iovec *fields, int count)
{
    static const struct sockaddr_un journal = {
        .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    struct iovec lines[2 * FIELDS_MOST];
    struct msghdr entry = {.msg_name = (void *)(uintptr_t)&journal,
                           .msg_namelen = sizeof journal,
                           .msg_iov = lines};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (int i = 0; i < count && i < FIELDS_MOST; i++) {
        lines[entry.msg_iovlen++] = fields[i];
        lines[entry.msg_iovlen++] = (struct iovec){(char *)"\n", 1};
    }
    int result = fd >= 0 && sendmsg(fd, &entry, MSG_NOSIGNAL) >= 0 ? 0 : -1;
    if (fd >= 0)
        close(fd);
    return result;
}

systemd_send *systemd_journal(void)
{
    return send_entry;
}
