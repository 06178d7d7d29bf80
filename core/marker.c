/* SPDX-License-Identifier: MIT */
#include "marker.h"
#include "proctree.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void marker_of_run(char buf[MARKER_RUN_MAX], const char *run, pid_t runner, uint64_t start)
{
    snprintf(buf, MARKER_RUN_MAX, "CIPLUG_JOB=%.16s.%d-%llu.", run, (int)runner,
             (unsigned long long)start);
}

/* Whether an entry of the environment that `fd` reads begins with the `length` bytes at `marker`.
 * Bytes [0, have) of the window are what the last read left over: a piece of an entry. */
static bool environ_holds(int fd, const char *marker, size_t length)
{
    char window[8192];
    size_t have = 1;
    ssize_t n;
    if (length > sizeof window / 2)
        return false;
    window[0] = '\0'; /* as if an entry had ended: the marker may be the first */
    while ((n = read(fd, window + have, sizeof window - have)) > 0) {
        have += (size_t)n;
        for (char *at = window; (at = memmem(at, have - (size_t)(at - window), marker, length));
             at++) {
            if (at > window && at[-1] == '\0')
                return true;
        }
        size_t keep = have < length ? have : length;
        memmove(window, window + have - keep, keep);
        have = keep;
    }
    return false;
}

struct hunt {
    const char *marker;
    size_t length; /* with its NUL, where the whole entry is wanted */
    uint64_t start;
    pid_t self;
    struct pid_list found;
};

static bool is_marked(pid_t pid, const struct hunt *hunt)
{
    char path[64];
    struct process_stat stat;
    /* stat first: it needs no lock of the other's memory, and rules out nearly all. */
    if (process_stat(pid, &stat) < 0 || stat.start < hunt->start || stat.state == 'Z')
        return false;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && environ_holds(fd, hunt->marker, hunt->length);
}

static void add_if_marked(pid_t pid, void *data)
{
    struct hunt *hunt = data;
    if (pid != hunt->self && is_marked(pid, hunt))
        pid_list_add(&hunt->found, pid);
}

/* Kill it if it is still the one that was found; wait until `end`. */
static void kill_found(pid_t pid, const struct hunt *hunt, uint64_t end)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (!is_marked(pid, hunt))
        return;
    if (pidfd < 0) {
        if (errno == ENOSYS)
            kill(pid, SIGKILL);
        return;
    }
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
        return;
    struct pollfd poll_fd = {pidfd, POLLIN, 0};
    uint64_t now = clock_mono_ns();
    poll(&poll_fd, 1, now < end ? (int)((end - now) / NS_PER_MS) : 0);
}

static unsigned kill_all(struct hunt hunt, unsigned patience_ms)
{
    uint64_t end = clock_mono_ns() + patience_ms * NS_PER_MS;
    unsigned killed = 0;
    /* Again, because one may have forked while we looked. */
    do {
        pid_list_clear(&hunt.found);
        process_each(add_if_marked, &hunt);
        killed += (unsigned)hunt.found.n;
        for (size_t i = 0; i < hunt.found.n; i++)
            kill_found(hunt.found.v[i], &hunt, end);
    } while (hunt.found.n > 0 && clock_mono_ns() < end);
    pid_list_free(&hunt.found);
    return killed;
}

unsigned marker_kill(const char *marker, uint64_t start, unsigned patience_ms)
{
    return kill_all((struct hunt){marker, strlen(marker) + 1, start, getpid(), {0}}, patience_ms);
}

unsigned marker_kill_all(const char *beginning, uint64_t start, unsigned patience_ms)
{
    return kill_all((struct hunt){beginning, strlen(beginning), start, getpid(), {0}}, patience_ms);
}
