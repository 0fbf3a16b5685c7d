#ifndef SPOOL_MARKS_H
#define SPOOL_MARKS_H

/* Deletion marks, one bit a message. Front keeps them during the session; the
 * keeper gets a copy with COMMIT. */

#include <stdbool.h>
#include <stdint.h>

struct marks {
    uint8_t *bits;
    uint64_t count;  /* messages */
    uint64_t marked; /* of them */
};

/* Room for count messages, none marked. Returns 0, or -1 with errno ENOMEM. */
int marks_make(struct marks *m, uint64_t count);

/* Frees it; a zeroed struct is fine. */
void marks_free(struct marks *m);

/* i < count in all of these. */
bool marks_has(const struct marks *m, uint64_t i);
void marks_add(struct marks *m, uint64_t i);
void marks_clear(struct marks *m);

/* Counts marked anew after bits were filled from outside; bits beyond count
 * are cleared. */
void marks_recount(struct marks *m);

/* Octets of bits. */
static inline uint64_t marks_size(const struct marks *m)
{
    return (m->count + 7) / 8;
}

#endif
