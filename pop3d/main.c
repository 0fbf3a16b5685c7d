/* pop3d: one POP3 connection on its standard input. */

#include "pop3.h"
#include "serve/start.h"

int main(int argc, char **argv)
{
    return start(&pop3_protocol, argc, argv);
}
