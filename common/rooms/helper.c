/* Starting a helper program. Runs in the monitor before the login, and in
 * --check, with the rights of whoever started that; reads nothing from
 * anybody. */

#include "rooms/helper.h"
#include "rooms/privileges.h"
#include "rooms/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    OUT_OF_THE_WAY = 16
};

/* Puts the given descriptors where they belong; *program is moved, too. */
static int arrange(int *program, const int *given, size_t count)
{
    int high[HELPER_GIVEN_MAX];

    for (size_t i = 0; i < count; i++)
        if ((high[i] = fcntl(given[i], F_DUPFD, OUT_OF_THE_WAY)) < 0)
            return -1;
    *program = fcntl(*program, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (*program < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (dup2(high[i], HELPER_FIRST + (int)i) < 0)
            return -1;
    return 0;
}

static int close_others(int program, size_t count)
{
    int kept[HELPER_FIRST + HELPER_GIVEN_MAX + 1];
    size_t n = 0;

    while (n < HELPER_FIRST + count) {
        kept[n] = (int)n;
        n++;
    }
    kept[n++] = program;
    return privileges_close_others(kept, n);
}

/* In a child that has the parent's memory until it is the program: all it
 * changes there is errno. */
static _Noreturn void become(int program, const char *name, const int *given,
                             size_t count, pid_t parent)
{
    char *const argv[] = {(char *)(uintptr_t)name, NULL};
    static char *const envp[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                 NULL};

    privileges_hear_signals();
    if (arrange(&program, given, count) < 0 ||
        privileges_blank_standard(-1, -1) < 0 ||
        close_others(program, count) < 0 ||
        privileges_tie_life(SIGKILL, parent) < 0)
        _exit(EXIT_CAGE + errno);
    syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
    _exit(EXIT_CAGE + errno);
}

pid_t helper_start(int program, const char *name, const int *given,
                   size_t count)
{
    pid_t self = getpid();
    pid_t pid = vfork();

    if (pid == 0)
        become(program, name, given, count, self);
    return pid;
}
