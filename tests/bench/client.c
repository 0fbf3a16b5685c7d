/*
 * The measuring client. Plays one scenario over loopback TCP and prints what it
 * took: microseconds, octets received, messages. It never allocates and looks
 * at what it receives with memchr(3) alone, so that it measures the server.
 *
 * client PORT USER PASSWORD quick|delay SCENARIO [ARGUMENT]
 *
 * With "delay" acknowledgements are held back as long as the kernel may.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFER = 1 << 18,
    WINDOW = 200, /* commands under way */
};

struct client {
    int fd;
    bool delay;
    const char *user, *password;
    uint64_t received;
    char input[BUFFER];
    size_t at, end;
};

static struct client c;

static _Noreturn void fail(const char *what)
{
    int len = 0;

    while (c.at + (size_t)len < c.end && len < 60 &&
           c.input[c.at + (size_t)len] >= ' ')
        len++;
    fprintf(stderr, "%s %.*s\n", what, len, c.input + c.at);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void connect_to(const char *port)
{
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;

    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    c.at = c.end = 0;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c.fd, (struct sockaddr *)&there, sizeof there) < 0)
        fail("connect");
}

static void acknowledge(void)
{
    int quick = !c.delay;

    setsockopt(c.fd, IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof quick);
}

/* Receives more behind what is kept. Returns false at the end. */
static bool receive(void)
{
    if (c.at == c.end)
        c.at = c.end = 0;
    if (c.end == BUFFER) {
        memmove(c.input, c.input + c.at, c.end - c.at);
        c.end -= c.at;
        c.at = 0;
    }
    acknowledge();
    ssize_t n = recv(c.fd, c.input + c.end, BUFFER - c.end, 0);
    if (n <= 0)
        return false;
    c.end += (size_t)n;
    c.received += (uint64_t)n;
    return true;
}

static void say(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(c.fd, text, len, MSG_NOSIGNAL);
        if (n < 0)
            fail("send");
        text += n;
        len -= (size_t)n;
    }
}

/* One line; it must begin with +. The copy lives until the next. */
static const char *hear(void)
{
    static char line[1024];

    for (;;) {
        char *lf = memchr(c.input + c.at, '\n', c.end - c.at);
        if (lf == NULL) {
            if (!receive())
                fail("closed");
            continue;
        }
        size_t len = (size_t)(lf + 1 - (c.input + c.at));
        if (c.input[c.at] != '+')
            fail("refused");
        memcpy(line, c.input + c.at, len < 1023 ? len : 1023);
        line[len < 1023 ? len : 1023] = '\0';
        c.at += len;
        return line;
    }
}

/* Is the octet at dot the end of a multi-line reply? Returns 1, 0, or -1 when
 * more must come first. */
static int is_end(size_t dot)
{
    if (dot > c.at && c.input[dot - 1] != '\n')
        return 0;
    if (c.end - dot < 3)
        return -1;
    return c.input[dot + 1] == '\r' && c.input[dot + 2] == '\n';
}

/* The rest of a multi-line reply. What is left of the last line is kept. */
static void hear_all(void)
{
    size_t looked = 0; /* octets from c.at on in which no end is */

    for (;;) {
        size_t from = c.at + looked;
        char *dot;
        int end = 0;
        while ((dot = memchr(c.input + from, '.', c.end - from)) != NULL &&
               (end = is_end((size_t)(dot - c.input))) == 0)
            from = (size_t)(dot - c.input) + 1;
        if (dot != NULL && end == 1) {
            c.at = (size_t)(dot - c.input) + 3;
            return;
        }
        /* A dot that waits keeps the octet before it. */
        size_t keep = dot != NULL ? (size_t)(dot - c.input) : c.end;
        looked = keep - c.at;
        if (looked > 1) {
            c.at = keep - 1;
            looked = 1;
        }
        if (!receive())
            fail("closed");
    }
}

static const char *ask(const char *command)
{
    say(command, strlen(command));
    return hear();
}

static void login(void)
{
    char line[256];

    hear();
    snprintf(line, sizeof line, "USER %s\r\n", c.user);
    ask(line);
    snprintf(line, sizeof line, "PASS %s\r\n", c.password);
    ask(line);
}

static unsigned long count_messages(void)
{
    unsigned long count = 0;

    if (sscanf(ask("STAT\r\n"), "+OK %lu", &count) != 1)
        fail("STAT");
    return count;
}

/* Without a word of the server's; it may have none. */
static void leave(void)
{
    say("QUIT\r\n", 6);
    while (receive())
        c.at = c.end;
    close(c.fd);
}

static void quit(void)
{
    ask("QUIT\r\n");
    while (receive())
        c.at = c.end;
    close(c.fd);
}

/* Commands first to last, "VERB n", as many under way as the window allows. */
static void pipeline(const char *verb, unsigned long first, unsigned long last,
                     unsigned long step, unsigned long window, bool multi)
{
    unsigned long asked = first, heard = first;
    char batch[WINDOW * 24];

    while (heard <= last) {
        size_t len = 0;
        while (asked <= last && (asked - heard) / step < window) {
            len += (size_t)snprintf(batch + len, sizeof batch - len,
                                    "%s %lu\r\n", verb, asked);
            asked += step;
            if (len > sizeof batch - 24)
                break;
        }
        say(batch, len);
        unsigned long until =
            window == 1 ? asked : heard + (asked - heard + step) / 2;
        while (heard < until && heard <= last) {
            hear();
            if (multi)
                hear_all();
            heard += step;
        }
    }
}

static void report(uint64_t started, unsigned long messages)
{
    printf("%llu %llu %lu\n", (unsigned long long)(now() - started),
           (unsigned long long)c.received, messages);
}

/* ---- scenarios ---- */

static void play(const char *port, const char *what, const char *argument)
{
    uint64_t start = now();
    unsigned long count;

    connect_to(port);
    if (strcmp(what, "greet") == 0 || strcmp(what, "quit") == 0) {
        hear();
        uint64_t greeted = now() - start;
        leave();
        if (what[0] == 'g')
            printf("%llu 0 0\n", (unsigned long long)greeted);
        else
            report(start, 0);
        return;
    }
    login();
    count = count_messages();
    if (strcmp(what, "poll") == 0) {
        quit();
        report(start, count);
        return;
    }
    if (strcmp(what, "update") == 0) {
        if (strcmp(argument, "all") == 0)
            pipeline("DELE", 1, count, 1, WINDOW, false);
        else if (strcmp(argument, "odd") == 0)
            pipeline("DELE", 1, count, 2, WINDOW, false);
        else if (strcmp(argument, "first") == 0)
            ask("DELE 1\r\n");
        else
            pipeline("DELE", count, count, 1, 1, false);
        quit();
        report(start, count);
        return;
    }
    if (strcmp(what, "list") == 0) {
        ask("UIDL\r\n");
        hear_all();
        ask("LIST\r\n");
        hear_all();
        quit();
        report(start, count);
        return;
    }
    c.received = 0;
    start = now();
    if (strcmp(what, "retr") == 0) {
        pipeline("RETR", 1, count, 1, WINDOW, true);
    } else if (strcmp(what, "lockstep") == 0) {
        if (argument != NULL && (unsigned long)atol(argument) < count)
            count = (unsigned long)atol(argument);
        pipeline("RETR", 1, count, 1, 1, true);
    } else {
        fail("scenario");
    }
    report(start, count);
    quit();
}

/* Logs in again and again for so many milliseconds, eight at once. */
static void load(const char *port, const char *milliseconds)
{
    uint64_t start = now(), end = start + (uint64_t)atol(milliseconds) * 1000;
    int pipes[2];
    unsigned long logins = 0, one;

    if (pipe(pipes) < 0)
        fail("pipe");
    for (int i = 0; i < 8; i++) {
        if (fork() > 0)
            continue;
        char user[64];
        snprintf(user, sizeof user, "%s%d", c.user, i);
        c.user = user;
        unsigned long done = 0;
        for (; now() < end; done++) {
            connect_to(port);
            login();
            quit();
        }
        _exit(write(pipes[1], &done, sizeof done) < 0);
    }
    close(pipes[1]);
    while (read(pipes[0], &one, sizeof one) == sizeof one)
        logins += one;
    while (wait(NULL) > 0)
        continue;
    report(start, logins);
}

/* So many sessions that have been greeted and wait. */
static void idle(const char *port, int sessions)
{
    for (int i = 0; i < sessions; i++) {
        connect_to(port);
        hear();
    }
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 64;
    c.user = argv[2];
    c.password = argv[3];
    c.delay = strcmp(argv[4], "delay") == 0;
    if (strcmp(argv[5], "load") == 0)
        load(argv[1], argv[6]);
    else if (strcmp(argv[5], "idle") == 0)
        idle(argv[1], atoi(argv[6]));
    else
        play(argv[1], argv[5], argv[6]);
    return 0;
}
