#ifndef SPOOL_STATE_H
#define SPOOL_STATE_H

/* The state directory of a user, ROOT/USER: session locks, and what has to
 * outlive a session. Made by root, owned by the user, 0700. */

#include <sys/types.h>

/*
 * Makes ROOT and ROOT/USER where they are missing. As root the entry is made
 * with the user's uid and the room group's rights, so that it needs no
 * CAP_CHOWN; ROOT belongs to root and that group and is not writable by users.
 * Returns 0, or -1 with errno.
 */
int state_make(const char *root, const char *user, uid_t uid, gid_t gid,
               gid_t room_group);

/* Opens it and checks that it is a directory of ours that nobody else can
 * write to. Returns an O_PATH descriptor the caller closes, or -1 with errno
 * (EPERM: it is not as it should be). */
int state_open(const char *root, const char *user);

enum {
    STATE_NAME = 64
};

/* The name of a file about the mailbox directory/name, in STATE_NAME octets:
 * the mailbox's digest and a suffix such as "session". */
void state_file_name(const char *directory, const char *name,
                     const char *suffix, char *file);

/* Writes a line of text into a file of that name, if there is none. Failing is
 * no error. */
void state_note(int directory, const char *name, const char *text);

/* Reads such a line into text of size octets, NUL-terminated. Returns 0, or -1
 * with errno. */
int state_read_note(int directory, const char *name, char *text, size_t size);

#endif
