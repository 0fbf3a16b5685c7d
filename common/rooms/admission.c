/*
 * From a decision to a session: the keeper is born as the user, and the monitor
 * becomes him. Runs in the monitor, as root until admission_settle() or as the
 * caller; believes auth's decision, which the contract has checked, and nothing
 * that stands in the user's directories.
 */

#include "rooms/admission.h"
#include "rooms/keeper.h"
#include "rooms/privileges.h"
#include "rooms/sandbox.h"
#include "spool/formats.h"
#include "spool/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct identity user_of(const struct frame_decision *d)
{
    struct identity who = {.uid = d->uid, .gid = d->gid};

    for (uint32_t i = 0; i < d->group_count; i++)
        who.groups[who.group_count++] = d->groups[i];
    return who;
}

static void leave_out_group(struct identity *who, gid_t group)
{
    size_t kept = 0;

    for (size_t i = 0; i < who->group_count; i++)
        if (who->groups[i] != group)
            who->groups[kept++] = who->groups[i];
    who->group_count = kept;
}

/*
 * The group that may make dotlocks in the mailbox directory: the directory's
 * own, where root owns it and lets its group write.
 */
static gid_t spool_group(int directory, gid_t fallback)
{
    struct stat st;

    if (geteuid() != 0 || directory < 0 || fstat(directory, &st) < 0 ||
        st.st_uid != 0 || st.st_gid == 0 || (st.st_mode & S_IWGRP) == 0)
        return fallback;
    return st.st_gid;
}

/* The state directory is a convenience: without it there is a session, but no
 * [IN-USE] and only the plainest updates. */
static const char *state_for(const struct setup *s,
                             const struct frame_decision *d)
{
    char quoted[LOG_QUOTED];

    if (s->state == NULL)
        return NULL;
    if (state_make(s->state, d->name, d->uid, d->gid, s->room_gid) == 0)
        return s->state;
    log_line(&s->log, LOG_WARNING,
             "warning: state directory %s/%s cannot be made: %s", s->state,
             log_quote(quoted, d->name), strerror(errno));
    return NULL;
}

static int bear(struct keeper_birth *birth, struct admission *admitted)
{
    int to_front[2], to_monitor[2];

    if (frame_wire(to_front) < 0 || frame_wire(to_monitor) < 0)
        return -1;
    birth->front = to_front[1];
    birth->monitor = to_monitor[1];
    birth->parent = getpid();
    admitted->pid = fork();
    if (admitted->pid < 0)
        return -1;
    if (admitted->pid == 0) {
        privileges_hear_signals();
        keeper_live(birth);
    }
    close(to_front[1]);
    close(to_monitor[1]);
    admitted->monitor = to_monitor[0];
    admitted->front = to_front[0];
    return 0;
}

/* He does not get the group that could write to everybody's mail. */
static void keep_from_spool(struct identity *who, const struct setup *setup,
                            const struct place *place)
{
    struct stat st;

    if (geteuid() == 0 && !place_is_users(setup->template) &&
        stat(place->directory, &st) == 0)
        leave_out_group(who, st.st_gid);
}

int admission_bear(const struct setup *setup, const struct frame_decision *d,
                   const struct place *place, struct admission *admitted)
{
    struct keeper_birth birth = {.who = user_of(d),
                                 .user = d->name,
                                 .place = *place,
                                 .read_only = setup->read_only,
                                 .uidl = &setup->uidl};
    char folders[PLACE_PATH];

    if (place_instead(setup->template, d->name, d->home, &birth.instead) < 0)
        return -1;
    if (setup->folders != NULL &&
        place_directory(setup->folders, d->name, d->home, folders) == 0)
        birth.folders = folders;
    keep_from_spool(&birth.who, setup, place);
    birth.state = state_for(setup, d);
    return bear(&birth, admitted);
}

static int open_directory(const struct place *place)
{
    int fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd
                   : open(place->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Nobody else is born any more. */
static void close_programs(const struct setup *setup)
{
    for (size_t i = 0; i < HELPER_COUNT; i++)
        if (setup->helpers[i] >= 0)
            close(setup->helpers[i]);
    if (setup->tls_program >= 0)
        close(setup->tls_program);
    close(setup->empty_directory);
}

/*
 * A directory that is on the user's own ground, where he could have put a link
 * to another, is opened as the user and lends no group. A tree has no dotlock.
 */
int admission_settle(const struct setup *setup, const struct frame_decision *d,
                     const struct place *place, struct dotlock *dotlock)
{
    bool own_ground = place_is_users(setup->template);
    bool dotlocks = !place->format->tree;
    struct identity who = {.uid = d->uid, .gid = d->gid};
    int directory = -1;

    umask(022); /* others may read whose dotlock it is */
    if (dotlocks && !own_ground) {
        directory = open_directory(place);
        who.gid = spool_group(directory, d->gid);
    }
    close_programs(setup);
    if (privileges_drop(&who) < 0)
        return -1;
    if (dotlocks && own_ground)
        directory = open_directory(place);
    if (dotlock_prepare(dotlock, directory, place->name) < 0)
        return -1;
    return sandbox_monitor(directory, dotlock->names);
}
