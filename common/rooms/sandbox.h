#ifndef ROOMS_SANDBOX_H
#define ROOMS_SANDBOX_H

/*
 * The cage of each room: which files it can reach and which system calls it
 * may make. One file a kernel: sandbox_linux.c (Landlock and seccomp),
 * sandbox_none.c where there is none or a sanitizer needs the calls.
 *
 * Call after the drop. Each returns 0, or -1 with errno: the caller must end.
 * A kernel without Landlock is gone on without (seccomp and the drop remain);
 * a refusal of either (EPERM, a service manager's filter) is an error, never
 * taken for "the kernel has none".
 */

struct dotlock_names;

/* Has this kernel a way to shut off files? Returns 1, 0 (no), or -1 with errno:
 * it has, and a filter forbids it. */
int sandbox_can(void);

/* front: no files; reads, writes, polls, talks to its rooms. */
int sandbox_front(void);

/* auth, for mechanisms that need no root: as front. */
int sandbox_auth(void);

/* auth's GSSAPI: as auth, but for one file, open on that descriptor, that it
 * may open again, read, write and lock; -1 = none. */
int sandbox_gssapi(int replays);

/* auth's asker, in which libraries of the administrator's may run: reads any
 * file that it has the right to; makes, changes and runs none; sends no signal
 * and traces nobody. */
int sandbox_asker(void);

/* tls, once it has the key: no files; reads, writes, polls. */
int sandbox_tls(void);

/* What keeper may reach: existing files below spool (read, write, truncate),
 * those below tree (read, rename, remove), any below folders and state. O_PATH
 * or directory descriptors, -1 = none. */
struct keeper_files {
    int spool, tree, folders, state;
};

int sandbox_keeper(const struct keeper_files *files);

/* monitor after the login: makes and removes the dotlock in the mailbox
 * directory, under exactly these names (where they stand is what is compared:
 * read-only memory, see dotlock_prepare()); logs. */
int sandbox_monitor(int mailbox, const struct dotlock_names *names);

#endif
