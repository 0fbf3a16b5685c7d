/*
 * The bare skeleton: what three processes on one connection cost when they do
 * nothing but greet, read a line and go. The programs are measured against it
 * (make bench), so that the price of the rooms stays in sight.
 */

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void greet_and_wait(void)
{
    static const char greeting[] = "+OK skeleton\r\n";
    char line[512];

    if (write(1, greeting, sizeof greeting - 1) < 0 ||
        read(0, line, sizeof line) < 0)
        _exit(1);
    _exit(0);
}

static void wait_for_hangup(int wire)
{
    char octet;

    if (read(wire, &octet, 1) < 0)
        _exit(1);
    _exit(0);
}

int main(void)
{
    int wire[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, wire) < 0)
        return 1;
    if (fork() == 0) {
        close(wire[0]);
        greet_and_wait();
    }
    if (fork() == 0) {
        close(wire[1]);
        wait_for_hangup(wire[0]);
    }
    close(wire[0]);
    close(wire[1]);
    while (wait(NULL) > 0)
        ;
    return 0;
}
