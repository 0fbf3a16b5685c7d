/*
 * Counts what a program and all that it starts do until the last of them has
 * ended: instructions, each by a single step, or system calls. Slow, exact,
 * and the same on a busy machine and in a guest without counters. A repeated
 * string instruction is one.
 *
 * steps instructions|calls FILE PROGRAM [ARGUMENT...]
 *
 * Appends the number to FILE, a line.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OPTIONS = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
              PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL,
    PROCESSES = 4096, /* remembered at once, by the last digits of their pids */
};

struct count {
    enum __ptrace_request go; /* to the next step, or system call */
    uint64_t number;
    uint64_t at[PROCESSES]; /* where each process was, to know a repetition */
};

static void look(struct count *count, pid_t pid)
{
    struct __ptrace_syscall_info info;
    uint64_t *at = &count->at[pid % PROCESSES];

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0)
        return;
    if (count->go == PTRACE_SYSCALL)
        count->number += info.op == PTRACE_SYSCALL_INFO_ENTRY;
    else
        count->number += info.instruction_pointer != *at;
    *at = info.instruction_pointer;
}

/* What to hand on: not our own traps, nor the stop that a new process is in. */
static int signal_of(int status)
{
    int signal = WSTOPSIG(status);

    return signal == SIGSTOP || (signal & ~0x80) == SIGTRAP ? 0 : signal;
}

static void follow(struct count *count)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid <= 0 || !WIFSTOPPED(status))
            continue;
        if ((WSTOPSIG(status) & ~0x80) == SIGTRAP && status >> 16 == 0)
            look(count, pid);
        ptrace(count->go, pid, 0, signal_of(status));
    }
}

static pid_t start(char **argv)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 && raise(SIGSTOP) == 0)
        execv(argv[0], argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    static struct count count;
    FILE *file;
    pid_t pid;

    if (argc < 4)
        return 2;
    count.go =
        strcmp(argv[1], "calls") == 0 ? PTRACE_SYSCALL : PTRACE_SINGLESTEP;
    if ((pid = start(argv + 3)) < 0 || waitpid(pid, NULL, __WALL) != pid ||
        ptrace(PTRACE_SETOPTIONS, pid, 0, OPTIONS) < 0 ||
        ptrace(count.go, pid, 0, 0) < 0)
        return 1;
    follow(&count);
    if ((file = fopen(argv[2], "a")) == NULL)
        return 1;
    fprintf(file, "%llu\n", (unsigned long long)count.number);
    return fclose(file) == 0 ? 0 : 1;
}
