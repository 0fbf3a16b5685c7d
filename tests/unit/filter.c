/*
 * Filters of system calls against the tables they are made of: random tables,
 * every number, arguments that meet their conditions, miss them by a bit or
 * are anything; each filter is run here, and shown to the kernel.
 */

#include "rooms/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#else
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

enum {
    ROUNDS = 400,
    ROWS_MOST = 90,
    NUMBERS = 500,
    OTHER_NUMBERS = 0x40000000
};

static uint64_t seed = 88172645463325252ULL;

static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t below(size_t limit)
{
    return (size_t)(any() % limit);
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "filter: %s\n", what);
    exit(1);
}

/* ---- the kernel's part ---- */

static uint32_t run(const struct filter *f, const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t at = 0; at < f->len; at++) {
        const struct sock_filter *step = &f->code[at];
        switch (step->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            check(step->k % 4 == 0 && step->k < sizeof *data, "load");
            memcpy(&a, (const char *)data + step->k, sizeof a);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= step->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == step->k ? step->jt : step->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= step->k ? step->jt : step->jf;
            break;
        case BPF_RET | BPF_K:
            return step->k;
        default:
            check(false, "instruction");
        }
    }
    check(false, "it has no end");
    return 0;
}

/* Does the kernel take it? Asked in a process that may end of it. */
static bool is_taken(const struct filter *f)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        int result = filter_install(f);
        _exit(result < 0); /* killed where exit_group is not allowed */
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) == SIGSYS
                               : WEXITSTATUS(status) == 0;
}

/* ---- what the tables say ---- */

static bool is_met(const struct call *c, const struct seccomp_data *data)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct condition *condition = &c->conditions[i];
        if ((data->args[condition->argument] & condition->mask) !=
            condition->value)
            return false;
    }
    return data->nr == c->number;
}

static bool is_allowed(const struct calls *tables, size_t count,
                       const struct seccomp_data *data)
{
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            if (is_met(&tables[t].calls[i], data))
                return data->arch == THIS_ARCH;
    return false;
}

/* ---- tables and calls ---- */

static struct call random_call(void)
{
    struct call c = {.number = (int)below(NUMBERS)};

    if (below(4) == 0)
        c.count = 1 + below(FILTER_CONDITIONS);
    for (size_t i = 0; i < c.count; i++) {
        uint64_t mask = below(2) ? UINT64_MAX : any();
        c.conditions[i] =
            (struct condition){(unsigned)below(6), mask, any() & mask};
    }
    return c;
}

static struct seccomp_data random_data(const struct call *near)
{
    struct seccomp_data data = {.nr = near->number, .arch = THIS_ARCH};

    for (size_t i = 0; i < 6; i++)
        data.args[i] = any();
    for (size_t i = 0; i < near->count; i++) {
        const struct condition *c = &near->conditions[i];
        __u64 *argument = &data.args[c->argument];
        *argument = (*argument & ~c->mask) | c->value;
    }
    if (below(3) == 0)
        data.args[below(6)] ^= 1ULL << below(64);
    if (below(5) == 0)
        data.nr ^= 1 << below(31);
    if (below(50) == 0)
        data.arch ^= 1U << below(32);
    return data;
}

static void compare_allowing(void)
{
    struct call rows[2][ROWS_MOST];
    struct calls tables[2] = {{rows[0], below(ROWS_MOST / 2)},
                              {rows[1], below(ROWS_MOST / 4)}};
    struct filter f;

    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            rows[t][i] = random_call();
    if (filter_allow(&f, tables, 2) < 0) {
        check(errno == E2BIG, "why it was not made");
        return;
    }
    check(is_taken(&f), "the kernel refuses it");
    for (size_t i = 0; i < 20 * NUMBERS; i++) {
        const struct calls *table = &tables[below(2)];
        struct call other = {.number = (int)(i % NUMBERS)};
        struct seccomp_data data =
            random_data(table->count > 0 && below(2)
                            ? &rows[table - tables][below(table->count)]
                            : &other);
        check(run(&f, &data) == (is_allowed(tables, 2, &data)
                                     ? SECCOMP_RET_ALLOW
                                     : SECCOMP_RET_KILL_PROCESS),
              "a verdict differs");
    }
}

static void compare_refusing(void)
{
    int numbers[ROWS_MOST];
    size_t count = below(ROWS_MOST);
    struct filter f;

    for (size_t i = 0; i < count; i++)
        numbers[i] = (int)below(NUMBERS);
    check(filter_refuse(&f, numbers, count) == 0 && is_taken(&f), "refusing");
    for (int nr = -1; nr < NUMBERS; nr++) {
        bool refused = nr < 0;
        for (size_t i = 0; i < count; i++)
            refused |= numbers[i] == nr;
        struct seccomp_data data = {.nr = nr, .arch = THIS_ARCH};
        check((run(&f, &data) == SECCOMP_RET_ALLOW) == !refused, "refused");
        data.arch++;
        check(run(&f, &data) == SECCOMP_RET_KILL_PROCESS, "other machine");
        data =
            (struct seccomp_data){.nr = nr | OTHER_NUMBERS, .arch = THIS_ARCH};
        check(run(&f, &data) == SECCOMP_RET_KILL_PROCESS, "other numbers");
    }
}

static void compare_too_large(void)
{
    static struct call rows[FILTER_MOST + 2];
    struct calls table = {rows, FILTER_MOST + 2};
    struct filter f;

    check(filter_allow(&f, &table, 1) < 0 && errno == E2BIG, "plain ones");
    for (size_t i = 0; i < FILTER_MOST; i++)
        rows[i].count = 1;
    check(filter_allow(&f, &table, 1) < 0 && errno == E2BIG, "conditions");
}

int main(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        compare_allowing();
        compare_refusing();
    }
    compare_too_large();
    return 0;
}
