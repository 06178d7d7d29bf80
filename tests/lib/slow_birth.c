/* SPDX-License-Identifier: MIT
 *
 * Loaded before the libraries: a child that asks for PR_SET_PDEATHSIG writes its number into the file $BIRTH/unborn and
 * waits until there is a $BIRTH/go. So the moment between clone and prctl lasts as long as a test wants. It shares its
 * parent's memory, and allocates nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for_go(const char *folder)
{
    char unborn[4096], temporary[4096], go[4096], number[16];
    snprintf(unborn, sizeof unborn, "%s/unborn", folder);
    snprintf(temporary, sizeof temporary, "%s/unborn.tmp", folder);
    snprintf(go, sizeof go, "%s/go", folder);
    int length = snprintf(number, sizeof number, "%d", (int)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, number, (size_t)length) != length || rename(temporary, unborn) < 0)
        _exit(99);
    close(fd);
    while (access(go, F_OK) < 0)
        poll(NULL, 0, 1);
}

int prctl(int option, ...)
{
    va_list args;
    va_start(args, option);
    unsigned long a = va_arg(args, unsigned long), b = va_arg(args, unsigned long);
    unsigned long c = va_arg(args, unsigned long), d = va_arg(args, unsigned long);
    va_end(args);
    const char *folder = getenv("BIRTH");
    if (option == PR_SET_PDEATHSIG && folder)
        wait_for_go(folder);
    return (int)syscall(SYS_prctl, (long)option, a, b, c, d);
}
