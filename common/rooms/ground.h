#ifndef ROOMS_GROUND_H
#define ROOMS_GROUND_H

/* Which mailboxes the keeper may open, and where they are: the maildrop, and
 * for FOLD the folders. */

#include "rooms/contract.h"
#include "spool/place.h"

#include <stdbool.h>

struct ground {
    const struct place *maildrop;
    int directory;       /* that holds the maildrop, O_PATH; -1: none */
    int error;           /* why there is none */
    const char *path;    /* of the folders' directory; NULL: there are none */
    int folders;         /* that directory, O_PATH; -1: none is there */
    int folder_holder;   /* that holds the folder found last; -1: none */
    struct place folder; /* that folder */
    char name[TEXT_FOLDER]; /* its clean name */
};

/* A mailbox to open. */
struct spot {
    const struct place *place;
    int directory; /* that holds it, O_PATH; the ground's; -1: none */
    int error;     /* why there is none */
    bool folder;   /* it is not the maildrop */
};

/* Opens the directories, as the user, before the cage closes. instead is a
 * mailbox that takes the maildrop's place if it is there; its format is NULL
 * where there is no such thing. */
void ground_open(struct ground *g, const struct place *maildrop,
                 const struct place *instead, const char *folders);

/*
 * Finds the mailbox that a client names: "" and INBOX are the maildrop, and so
 * is its path, however it is spelt; what stands below the folders' directory is
 * a folder. Returns 0, or -1: there is nothing of that name for this user.
 */
int ground_find(struct ground *g, const char *name, struct spot *spot);

/* The folder found last is not needed any more. */
void ground_leave(struct ground *g);

#endif
