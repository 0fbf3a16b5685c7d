/*
 * What the machine can do, for the rows of the bench that have a limit.
 *
 * limits FILE        milliseconds to read it and pass over its lines once, and
 *                    MB/s of its expansion into a loopback TCP socket; the best
 *                    of five
 * limits FILE loop   milliseconds of a bare loop that takes the first 10 KB out
 *                    of FILE: journals, moves and syncs, and thinks nothing
 */

#include "base/vector.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK = 256 * 1024,
    CHUNK = 8 * 1024 * 1024,
    HOLE = 10 * 1000
};

static char block[CHUNK], out[2 * BLOCK + 4096];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double pass(int fd)
{
    double start = now();
    struct lines l = {.lf = LINES_LAST};
    ssize_t n;

    for (off_t at = 0; (n = pread(fd, block, BLOCK, at)) > 0; at += n) {
        const char *p = block, *end = block + n;
        while ((p = lines_take(&l, p, end)) < end) {
            lines_take_letter(&l);
            p++;
        }
    }
    return now() - start;
}

static void discard(int listener, int other)
{
    close(other); /* or the end would never be seen */
    int fd = accept(listener, NULL, NULL);

    while (recv(fd, block, BLOCK, 0) > 0)
        continue;
    _exit(0);
}

static int connect_to_discarder(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(listener, (struct sockaddr *)&here, len) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&here, &len) < 0)
        exit(1);
    if (fork() == 0)
        discard(listener, fd);
    if (connect(fd, (struct sockaddr *)&here, len) < 0)
        exit(1);
    close(listener);
    return fd;
}

static double expand(int fd)
{
    struct expansion e = {.stuff = true, .previous = '\n'};
    int to = connect_to_discarder();
    double start = now(), octets = 0;
    ssize_t n;

    for (off_t at = 0; (n = pread(fd, block, BLOCK, at)) > 0; at += n) {
        const char *from = block;
        size_t len = lines_expand(&e, &from, block + n, out, sizeof out);
        octets += (double)len;
        for (size_t sent = 0; sent < len;) {
            ssize_t part = send(to, out + sent, len - sent, 0);
            if (part < 0)
                exit(1);
            sent += (size_t)part;
        }
    }
    close(to);
    wait(NULL);
    return octets / (now() - start) / 1e3;
}

static double loop(const char *path)
{
    int fd = open(path, O_RDWR), journal;
    off_t size = lseek(fd, 0, SEEK_END), at;
    char name[4096];
    ssize_t n;

    snprintf(name, sizeof name, "%s.journal", path);
    journal = open(name, O_RDWR | O_CREAT, 0600);
    unlink(name);
    if (fd < 0 || journal < 0 || fallocate(journal, 0, 0, 2 * CHUNK) < 0)
        exit(1);
    double start = now();
    for (at = HOLE; (n = pread(fd, block, CHUNK, at)) > 0; at += n)
        if (pwrite(journal, block, (size_t)n, 4096) != n ||
            pwrite(journal, block, 4096, 0) != 4096 || fdatasync(journal) < 0 ||
            pwrite(fd, block, (size_t)n, at - HOLE) != n || fdatasync(fd) < 0)
            exit(1);
    if (ftruncate(fd, size - HOLE) < 0 || fsync(fd) < 0)
        exit(1);
    return now() - start;
}

int main(int argc, char **argv)
{
    if (argc > 2) {
        printf("%.1f\n", loop(argv[1]));
        return 0;
    }
    int fd = open(argv[1], O_RDONLY);
    double least = 1e9, most = 0;
    for (int i = 0; i < 5; i++) {
        double ms = pass(fd), mb = expand(fd);
        least = ms < least ? ms : least;
        most = mb > most ? mb : most;
    }
    printf("%.2f %.0f\n", least, most);
    return 0;
}
