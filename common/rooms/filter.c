/*
 * Filters of system calls. Runs once in each room, as whoever it has become,
 * before it hears anybody; the tables it reads are the program's own.
 *
 * The kernel goes through a new filter once for every number there is, to know
 * which calls it need not ask about, and translates it: half of what a cage
 * costs. So the numbers that are allowed whatever their arguments stand sorted,
 * in blocks that others are passed over, and a block's verdicts stand once.
 */

#include "rooms/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call table for this machine: build with SANDBOX=none"
#endif

/* x86-64's second set of numbers for the same calls, of pointers of 32 bits;
 * nobody else's go so far. */
#define OTHER_NUMBERS 0x40000000

enum {
    BLOCK = 8,                        /* numbers */
    HALF_STEPS = 3,                   /* instructions that compare a half */
    CONDITION_STEPS = 2 * HALF_STEPS, /* and an argument */
    VERDICT_STEPS = 1
};

/* ---- instructions ---- */

static void put(struct filter *f, uint16_t code, size_t yes, size_t no,
                uint32_t k)
{
    if (f->len < FILTER_MOST)
        f->code[f->len] =
            (struct sock_filter){code, (uint8_t)yes, (uint8_t)no, k};
    f->len++;
}

static void load(struct filter *f, size_t offset)
{
    put(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void load_number(struct filter *f)
{
    load(f, offsetof(struct seccomp_data, nr));
}

static void end(struct filter *f, uint32_t verdict)
{
    put(f, BPF_RET | BPF_K, 0, 0, verdict);
}

static void begin(struct filter *f)
{
    f->len = 0;
    load(f, offsetof(struct seccomp_data, arch));
    put(f, BPF_JMP | BPF_JEQ | BPF_K, VERDICT_STEPS, 0, THIS_ARCH);
    end(f, SECCOMP_RET_KILL_PROCESS);
    load_number(f);
}

static int whole(const struct filter *f)
{
    if (f->len <= FILTER_MOST)
        return 0;
    errno = E2BIG;
    return -1;
}

/* ---- calls with conditions ---- */

/* Compares the half of an argument that is half words into it (the machines we
 * know are little-endian); when it differs, the next after instructions are
 * passed over. */
static void put_half(struct filter *f, const struct condition *c, unsigned half,
                     size_t after)
{
    load(f, offsetof(struct seccomp_data, args) +
                sizeof(uint64_t) * c->argument + sizeof(uint32_t) * half);
    put(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, (uint32_t)(c->mask >> 32 * half));
    put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, after,
        (uint32_t)(c->value >> 32 * half));
}

/* The number is in the accumulator, before and after. */
static void put_call(struct filter *f, const struct call *c)
{
    size_t left = c->count * CONDITION_STEPS + VERDICT_STEPS;

    put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, left + 1, (uint32_t)c->number);
    for (size_t i = 0; i < c->count; i++)
        for (unsigned half = 0; half < 2; half++) {
            left -= HALF_STEPS;
            put_half(f, &c->conditions[i], half, left);
        }
    end(f, SECCOMP_RET_ALLOW);
    load_number(f);
}

/* ---- numbers ---- */

struct numbers {
    uint32_t list[FILTER_MOST];
    size_t count;          /* those beyond the room, too */
    uint32_t match, other; /* verdicts */
};

static void add(struct numbers *n, int number)
{
    if (n->count < FILTER_MOST)
        n->list[n->count] = (uint32_t)number;
    n->count++;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The last block has none to pass over to. */
static void put_block(struct filter *f, const struct numbers *n, size_t from,
                      size_t count)
{
    if (from + count < n->count)
        put(f, BPF_JMP | BPF_JGE | BPF_K, count + 2 * VERDICT_STEPS, 0,
            n->list[from + count]);
    for (size_t i = 0; i < count; i++)
        put(f, BPF_JMP | BPF_JEQ | BPF_K, count - i - 1 + VERDICT_STEPS, 0,
            n->list[from + i]);
    end(f, n->other);
    end(f, n->match);
}

/* Ends the filter. */
static int put_numbers(struct filter *f, struct numbers *n)
{
    if (n->count > FILTER_MOST) {
        errno = E2BIG;
        return -1;
    }
    qsort(n->list, n->count, sizeof *n->list, ascending);
    for (size_t from = 0; from < n->count; from += BLOCK)
        put_block(f, n, from,
                  n->count - from < BLOCK ? n->count - from : BLOCK);
    if (n->count == 0)
        end(f, n->other);
    return whole(f);
}

/* ---- filters ---- */

int filter_allow(struct filter *f, const struct calls *tables, size_t count)
{
    struct numbers plain = {.match = SECCOMP_RET_ALLOW,
                            .other = SECCOMP_RET_KILL_PROCESS};

    begin(f);
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct call *c = &tables[t].calls[i];
            if (c->count > 0)
                put_call(f, c);
            else
                add(&plain, c->number);
        }
    return put_numbers(f, &plain);
}

int filter_refuse(struct filter *f, const int *numbers, size_t count)
{
    struct numbers refused = {.match = SECCOMP_RET_KILL_PROCESS,
                              .other = SECCOMP_RET_ALLOW};

    begin(f);
    put(f, BPF_JMP | BPF_JGE | BPF_K, 0, VERDICT_STEPS, OTHER_NUMBERS);
    end(f, SECCOMP_RET_KILL_PROCESS);
    for (size_t i = 0; i < count; i++)
        add(&refused, numbers[i]);
    return put_numbers(f, &refused);
}

int filter_install(const struct filter *f)
{
    struct sock_fprog program = {.len = (unsigned short)f->len,
                                 .filter =
                                     (struct sock_filter *)(uintptr_t)f->code};

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
