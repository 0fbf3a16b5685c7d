/* pop2d: one POP2 connection on its standard input. */

#include "pop2.h"
#include "serve/start.h"

int main(int argc, char **argv)
{
    return start(&pop2_protocol, argc, argv);
}
