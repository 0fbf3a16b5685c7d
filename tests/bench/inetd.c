/*
 * The least super-server: one port, one program, a process for each connection
 * with the client on descriptors 0 to 2. Writes a line for each that ended:
 * its cpu time in microseconds, with that of its children, and the largest
 * resident set of any of them in KiB.
 *
 * inetd PORT PROGRAM ARGUMENT...     descriptor 2 is not the client's where
 *                                    the program's name begins with a dash
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int listen_on(const char *port)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 ||
        listen(fd, 1024) < 0) {
        perror(port);
        exit(1);
    }
    return fd;
}

static void reap(int ignored)
{
    struct rusage used;
    char line[64];
    int saved = errno;

    (void)ignored;
    while (wait4(-1, NULL, WNOHANG, &used) > 0) {
        long us = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                  used.ru_utime.tv_usec + used.ru_stime.tv_usec;
        int len = snprintf(line, sizeof line, "%ld %ld\n", us, used.ru_maxrss);
        if (write(STDOUT_FILENO, line, (size_t)len) < 0)
            _exit(1);
    }
    errno = saved;
}

static _Noreturn void become(int client, char **argv)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    dup2(client, 0);
    dup2(client, 1);
    dup2(argv[0][0] == '-' ? open("/dev/null", O_WRONLY) : client, 2);
    execv(argv[0] + (argv[0][0] == '-'), argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = reap, .sa_flags = SA_RESTART};

    if (argc < 3)
        return 64;
    int fd = listen_on(argv[1]);
    sigaction(SIGCHLD, &action, NULL);
    for (;;) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        pid_t pid = vfork();
        if (pid == 0)
            become(client, argv + 2);
        close(client);
    }
}
