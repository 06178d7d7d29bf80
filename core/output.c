/* SPDX-License-Identifier: MIT */
#include "output.h"
#include "safeguard.h"

#include <fcntl.h>
#include <unistd.h>

static int output = 1;

int output_take(void)
{
    int fd = SAFEGUARD(private_output) ? fcntl(1, F_DUPFD_CLOEXEC, 3) : 1;
    if (fd < 0 || (fd != 1 && dup2(2, 1) < 0))
        return -1;
    output = fd;
    return 0;
}

int output_fd(void)
{
    return output;
}
