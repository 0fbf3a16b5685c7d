/*
 * Prints the table of the contract as the product's own check knows it, for
 * the test that sends what no room may send: for each type of frame a line
 * "type size receiver phases descriptors", the phases as the sum of their
 * bits, the descriptors as the most that a frame of zeros may carry.
 */

#include "rooms/contract.h"

#include <stdio.h>

enum {
    ROOMS = 8,
    PHASES = 12 /* bits; more than there are */
};

static bool allowed(uint32_t type, size_t size, unsigned room, unsigned phase,
                    unsigned fds)
{
    static struct frame f; /* zeros, and they stay so */

    f.type = type;
    f.version = CONTRACT_VERSION;
    f.fd_count = fds;
    return frame_check(&f, size, (enum room)room, phase);
}

static int most_descriptors(uint32_t type, size_t size, unsigned room,
                            unsigned phase)
{
    for (int fds = FRAME_FDS; fds >= 0; fds--)
        if (allowed(type, size, room, phase, (unsigned)fds))
            return fds;
    return -1;
}

static void print_row(uint32_t type, size_t size, unsigned room)
{
    unsigned phases = 0;
    int fds = -1;

    for (unsigned bit = 0; bit < PHASES; bit++) {
        int most = most_descriptors(type, size, room, 1U << bit);
        if (most < 0)
            continue;
        phases |= 1U << bit;
        fds = most;
    }
    if (phases != 0)
        printf("%u %zu %u %u %d\n", type, size, room, phases, fds);
}

int main(void)
{
    for (uint32_t type = 1; type < FRAME_TYPES; type++)
        for (size_t size = 0; size <= offsetof(struct frame, fds); size++)
            for (unsigned room = 0; room < ROOMS; room++)
                print_row(type, size, room);
    return 0;
}
