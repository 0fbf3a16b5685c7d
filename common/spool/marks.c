/* Deletion marks. Runs in front and in the keeper. */

#include "spool/marks.h"

#include <stdlib.h>
#include <string.h>

int marks_make(struct marks *m, uint64_t count)
{
    m->count = count;
    m->marked = 0;
    m->bits = calloc(1, marks_size(m) + 1);
    return m->bits == NULL ? -1 : 0;
}

void marks_free(struct marks *m)
{
    free(m->bits);
    *m = (struct marks){0};
}

bool marks_has(const struct marks *m, uint64_t i)
{
    return (m->bits[i / 8] >> (i % 8)) & 1;
}

void marks_add(struct marks *m, uint64_t i)
{
    if (marks_has(m, i))
        return;
    m->bits[i / 8] |= (uint8_t)(1u << (i % 8));
    m->marked++;
}

void marks_clear(struct marks *m)
{
    if (m->marked > 0)
        memset(m->bits, 0, marks_size(m));
    m->marked = 0;
}

void marks_recount(struct marks *m)
{
    if (m->count % 8 != 0)
        m->bits[m->count / 8] &= (uint8_t)((1u << (m->count % 8)) - 1);
    m->marked = 0;
    for (uint64_t i = 0; i < marks_size(m); i++)
        m->marked += (unsigned)__builtin_popcount(m->bits[i]);
}
