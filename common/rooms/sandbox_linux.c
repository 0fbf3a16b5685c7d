/*
 * Landlock for files, seccomp for system calls: what each room may have. Runs
 * once in each, after its drop.
 */

#include "rooms/filter.h"
#include "rooms/sandbox.h"
#include "spool/dotlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's names that Debian 12's headers do not have yet. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* ---- Landlock ---- */

enum {
    FILES_VERSION_REFER = 2, /* before it nothing can be moved */
    FILES_VERSION_TRUNCATE = 3
};

/* What the first Landlock could refuse; REFER and TRUNCATE came later. */
#define FILES_FIRST ((1ULL << 13) - 1)

#define FILES_UPDATE                                                           \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |            \
     LANDLOCK_ACCESS_FS_TRUNCATE)
#define FILES_OWN                                                              \
    (FILES_UPDATE | LANDLOCK_ACCESS_FS_MAKE_REG |                              \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

#define FILES_TREE                                                             \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |              \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
     LANDLOCK_ACCESS_FS_REFER)

struct territory {
    int directory;
    uint64_t rights;
};

static int allow(int ruleset, const struct territory *t, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = t->rights & handled, .parent_fd = t->directory};

    if (t->directory < 0)
        return 0;
    return (int)syscall(SYS_landlock_add_rule, ruleset,
                        LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static int fence(int ruleset, const struct territory *t, size_t count,
                 uint64_t handled)
{
    for (size_t i = 0; i < count; i++)
        if (allow(ruleset, &t[i], handled) < 0)
            return -1;
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

int sandbox_can(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 0 && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    return version >= 0;
}

/* Refuses all files but those in the territories. */
static int confine_files(const struct territory *t, size_t count)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
    uint64_t handled = FILES_FIRST;
    if (version >= FILES_VERSION_REFER)
        handled |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= FILES_VERSION_TRUNCATE)
        handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
    struct landlock_ruleset_attr attr = {.handled_access_fs = handled};
    int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return -1;
    int result = fence(ruleset, t, count, handled);
    close(ruleset);
    return result;
}

/* ---- seccomp ---- */

#define ANY(name)                                                              \
    {                                                                          \
        .number = SYS_##name                                                   \
    }
#define ONLY(name, nth, bits, is)                                              \
    {                                                                          \
        .number = SYS_##name, .count = 1, .conditions = {                      \
            {(nth), (bits), (is)}                                              \
        }                                                                      \
    }

/* The same with two conditions, each an argument's number, mask and value. */
#define BOTH(name, first, second)                                              \
    {                                                                          \
        .number = SYS_##name, .count = 2, .conditions = { first, second }      \
    }
#define WHERE(nth, bits, is)                                                   \
    {                                                                          \
        (nth), (bits), (is)                                                    \
    }
#define AT(nth, name)                                                          \
    {                                                                          \
        (nth), UINT64_MAX, (uintptr_t)(name)                                   \
    }

#define ONLY_AT(name, nth, text)                                               \
    {                                                                          \
        .number = SYS_##name, .count = 1, .conditions = { AT(nth, text) }      \
    }

/* What fork(3) asks of clone(2), and a libc that has no threads to think of. */
#define FORK_FLAGS (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD)
#ifdef SYS_fork
#define OLD_FORK ANY(fork),
#else
#define OLD_FORK ONLY(clone, 0, UINT32_MAX, SIGCHLD),
#endif

#ifdef SYS_access
#define ACCESS ANY(access)
#else
#define ACCESS ANY(faccessat)
#endif

#ifdef SYS_stat
#define OLD_STAT ANY(stat),
#else
#define OLD_STAT
#endif

#ifdef SYS_poll
#define OLD_POLL ANY(poll),
#else
#define OLD_POLL
#endif

/* Frames, time, the heap, the way out: every room. */
#define EVERY_ROOM                                                             \
    ANY(read), ANY(write), ANY(sendmsg), ANY(recvmsg), ANY(close),             \
        OLD_POLL ANY(ppoll), ANY(clock_gettime), ANY(getrandom), ANY(brk),     \
        ANY(exit_group), ANY(exit), ANY(rt_sigreturn), ANY(rt_sigprocmask),    \
        ANY(restart_syscall), ANY(futex)

/* Memory that comes and goes, never executable. */
#define MAPPED_MEMORY                                                          \
    ONLY(mmap, 2, PROT_EXEC, 0), ANY(munmap), ANY(mremap),                     \
        ONLY(mprotect, 2, PROT_EXEC, 0), ANY(madvise)

/* No fcntl but the question whether a memfd is sealed, no flock: front holds a
 * description of the mailbox and must not be able to lock it. */
static const struct call front_calls[] = {
    EVERY_ROOM,
    MAPPED_MEMORY,
    ANY(sendto),
    ANY(recvfrom),
    ANY(pread64),
    ANY(newfstatat),
    ANY(fstat),
    ONLY(fcntl, 1, UINT32_MAX, F_GET_SEALS),
    ONLY(dup3, 0, UINT32_MAX, STDERR_FILENO), /* /dev/null, see front.c */
    ANY(shutdown),
    ONLY(ioctl, 1, UINT32_MAX, SIOCOUTQ),
};

static const struct call auth_calls[] = {
    EVERY_ROOM,
    MAPPED_MEMORY,
    ANY(fstat),
    ANY(newfstatat),
};

/* The library looks whether krb5.conf has changed, and opens, locks and reads
 * the file of used tickets. */
static const struct call gssapi_calls[] = {
    EVERY_ROOM, ANY(fstat), ANY(newfstatat), ANY(openat),
    ANY(fcntl), ANY(lseek), ACCESS,
};

/* What reaches other processes of the same user, who for one of the askers is
 * that of every front, and what only somebody who has broken in would want. */
static const int asker_misses[] = {
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_execve,
    SYS_execveat,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_perf_event_open,
    SYS_io_uring_setup,
};

/* The library's random generator asks whether it was forked. */
static const struct call tls_calls[] = {
    EVERY_ROOM,    MAPPED_MEMORY, ANY(sendto),     ANY(recvfrom),
    ANY(shutdown), ANY(fstat),    ANY(newfstatat), ANY(getpid),
};

static const struct call keeper_calls[] = {
    EVERY_ROOM,
    MAPPED_MEMORY,
    ANY(openat),
    OLD_STAT ANY(newfstatat),
    ANY(fstat),
    ANY(pread64),
    ANY(pwrite64),
    ANY(ftruncate),
    ANY(fsync),
    ANY(fdatasync),
    ANY(fcntl),
    ANY(unlinkat),
    ANY(renameat),
    ANY(renameat2),
    ANY(linkat),
    ANY(getdents64),
    ANY(faccessat),
    ANY(faccessat2),
    ANY(fallocate),
    ANY(memfd_create),
    ONLY(utimensat, 1, UINT32_MAX, 0), /* of an open file: what time it is */
    ANY(statx),
    ANY(lseek),
    ANY(wait4),
    ANY(set_robust_list),
    ANY(rseq),
    ANY(gettid),
    ANY(sysinfo), /* qsort(3) asks how much memory there is */
    ANY(getpid),  /* folders' dotlocks */
    ANY(fstatfs),
    ONLY(kill, 1, UINT32_MAX, 0),
    OLD_FORK ONLY(clone, 0, UINT32_MAX, FORK_FLAGS),
};

/* syslog(3) reopens its socket when the logger was restarted. Memory can be
 * added, but what is mapped stays as it is: the names that open, link, unlink
 * and rename may be given stand in a page that cannot be written to. */
static const struct call monitor_calls[] = {
    EVERY_ROOM,
    BOTH(mmap, WHERE(2, PROT_EXEC, 0),
         WHERE(3, MAP_ANONYMOUS | MAP_FIXED, MAP_ANONYMOUS)),
    ANY(newfstatat),
    ANY(fstat),
    ANY(fstatfs),
    ANY(pread64),
    ANY(utimensat),
    ANY(getpid),
    ANY(gettid),
    ANY(uname),
    ANY(wait4),
    ONLY(kill, 1, UINT32_MAX, 0),
    ONLY(socket, 0, UINT32_MAX, AF_UNIX),
    ANY(connect),
    ANY(getsockopt), /* the journal's socket */
    ANY(setsockopt),
    ANY(sendto),
    ANY(writev),
    ANY(shutdown),
    ANY(lseek),
    ANY(fcntl),
};

#define CALLS(list) list, sizeof(list) / sizeof *(list)

static int confine_all(const struct calls *tables, size_t count)
{
    struct filter f;

    return filter_allow(&f, tables, count) < 0 ? -1 : filter_install(&f);
}

static int confine_calls(const struct call *calls, size_t count)
{
    const struct calls table = {calls, count};

    return confine_all(&table, 1);
}

static int refuse_calls(const int *numbers, size_t count)
{
    struct filter f;

    return filter_refuse(&f, numbers, count) < 0 ? -1 : filter_install(&f);
}

/* ---- the rooms ---- */

int sandbox_front(void)
{
    if (confine_files(NULL, 0) < 0)
        return -1;
    return confine_calls(CALLS(front_calls));
}

int sandbox_auth(void)
{
    if (confine_files(NULL, 0) < 0)
        return -1;
    return confine_calls(CALLS(auth_calls));
}

int sandbox_gssapi(int replays)
{
    const struct territory territory = {
        replays, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE};

    if (confine_files(&territory, 1) < 0)
        return -1;
    return confine_calls(CALLS(gssapi_calls));
}

int sandbox_asker(void)
{
    const struct territory territory = {
        open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
        LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};

    if (territory.directory < 0)
        return -1;
    int result = confine_files(&territory, 1);
    close(territory.directory);
    if (result < 0)
        return -1;
    return refuse_calls(CALLS(asker_misses));
}

int sandbox_tls(void)
{
    if (confine_files(NULL, 0) < 0)
        return -1;
    return confine_calls(CALLS(tls_calls));
}

int sandbox_keeper(const struct keeper_files *files)
{
    const struct territory territories[] = {
        {files->spool, FILES_UPDATE},
        {files->tree, FILES_TREE},
        {files->folders, FILES_OWN | FILES_TREE},
        {files->state, FILES_OWN}};

    if (confine_files(territories, 4) < 0)
        return -1;
    return confine_calls(CALLS(keeper_calls));
}

/*
 * The spool's group may write to every mailbox of the spool; the monitor needs
 * it for three names. No filter can read a name, but it can compare where the
 * name stands, and nothing can change what stands there.
 */
int sandbox_monitor(int mailbox, const struct dotlock_names *names)
{
    const struct territory territory = {mailbox, FILES_OWN};
    const struct call name_calls[] = {
        BOTH(openat, AT(1, names->ticket), WHERE(2, O_EXCL, O_EXCL)),
        BOTH(openat, AT(1, names->lock),
             WHERE(2, O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE, O_RDONLY)),
        BOTH(linkat, AT(1, names->ticket), AT(3, names->lock)),
        BOTH(linkat, AT(1, names->aside), AT(3, names->lock)),
        BOTH(renameat, AT(1, names->lock), AT(3, names->aside)),
        ONLY_AT(unlinkat, 1, names->lock),
        ONLY_AT(unlinkat, 1, names->ticket),
        ONLY_AT(unlinkat, 1, names->aside),
    };
    const struct calls tables[] = {{CALLS(monitor_calls)}, {CALLS(name_calls)}};

    if (confine_files(&territory, 1) < 0)
        return -1;
    return confine_all(tables, 2);
}
