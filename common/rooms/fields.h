#ifndef ROOMS_FIELDS_H
#define ROOMS_FIELDS_H

/* A log line as fields of the journal, so that the line stays the only place
 * where an event is described. */

#include <stddef.h>
#include <sys/uio.h>

enum {
    FIELDS_MAX = 24, /* of one line, the event among them */
    FIELDS_OCTETS = 2 * 1024
};

/*
 * Takes `EVENT: name=value name="value" ... text`: writes POP_EVENT=EVENT (its
 * spaces as hyphens) and POP_NAME=value for each into room, of FIELDS_OCTETS,
 * and describes them in out, of FIELDS_MAX. What is not in that form is passed
 * over; what does not fit is left out. Returns the number of fields.
 */
size_t fields_of(const char *line, struct iovec *out, char *room);

#endif
