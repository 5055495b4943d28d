/* The command line of Muster. */
#include "service/cli/verb.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
