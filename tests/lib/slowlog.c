/* SPDX-License-Identifier: MIT
 *
 * LD_PRELOAD: a disk that is slow for logs. A writev(2) to a file below a folder "logs" takes
 * CIPLUG_TEST_SLOWLOG_US microseconds for each piece of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_log(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    return strstr(path, "/logs/") != NULL;
}

ssize_t writev(int fd, const struct iovec *pieces, int n)
{
    static ssize_t (*next)(int, const struct iovec *, int);
    if (!next)
        next = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    const char *slow = getenv("CIPLUG_TEST_SLOWLOG_US");
    if (slow && is_log(fd))
        usleep((useconds_t)(strtoul(slow, NULL, 10) * (unsigned long)n));
    return next(fd, pieces, n);
}
