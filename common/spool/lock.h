#ifndef SPOOL_LOCK_H
#define SPOOL_LOCK_H

/*
 * The three locks of the field.
 *
 *   session lock   one POP session a maildrop: a kernel lock on a file of the
 *                  state directory, held by the keeper until it ends
 *   fcntl lock     on the mailbox itself (an open-file-description lock, which
 *                  conflicts with everybody's fcntl locks and is not lost when
 *                  another descriptor of the file is closed)
 *   dotlock        MAILBOX.lock beside it, made by link(2) with pid and host
 *                  inside
 *
 * The last two are the mailbox locks: taken together, in this order, neither
 * ever waited for while the other is held.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes the session lock named name in the directory. Returns the descriptor
 * that holds it (the caller closes it), or -1 with errno: EWOULDBLOCK when
 * another session has it.
 */
int lock_session(int directory, const char *name);

/* Tries the fcntl lock: F_RDLCK, F_WRLCK or F_UNLCK of the whole file.
 * Returns 0, or -1 with errno: EAGAIN when somebody else has it. */
int lock_fcntl(int fd, short type);

/* Tries it again and again for patience milliseconds. Returns 0, or -1 with
 * errno EWOULDBLOCK. */
int lock_fcntl_within(int fd, short type, int64_t patience);

/* Who makes and removes dotlocks; in the keeper this asks the monitor. */
struct dotlocker {
    /* One try. 0 = made; -1 with errno: EEXIST = somebody has it, anything
     * else = it cannot be made here. */
    int (*take)(struct dotlocker *);
    void (*release)(struct dotlocker *);

    /* Tells the others that the holder lives, if it is time to. NULL: somebody
     * else does. */
    void (*refresh)(struct dotlocker *);
};

/*
 * Takes both mailbox locks of fd within patience milliseconds. Where no
 * dotlock can be made, the fcntl lock alone is taken and *dotlocked is false.
 * Returns 0, or -1 with errno EWOULDBLOCK.
 */
int lock_mailbox(int fd, short type, struct dotlocker *dotlocker,
                 int64_t patience, bool *dotlocked);

/* Whoever works under the mailbox locks calls it between any two blocks that he
 * reads or writes. NULL is fine. */
void lock_refresh(struct dotlocker *dotlocker);

/* Releases what lock_mailbox() took. */
void unlock_mailbox(int fd, struct dotlocker *dotlocker, bool dotlocked);

#endif
