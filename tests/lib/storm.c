/* SPDX-License-Identifier: MIT
 *
 * storm comets|group|mixed N COUNTER: deaf processes that fork as fast as they can, for ever. Comets: N of them, each
 * forks a successor in a session of its own and leaves. group: up to N at a time in one process group. mixed: every third
 * leaves the group. Each fork counts in the first four bytes of the file COUNTER.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct counts {
    _Atomic unsigned forks;
    _Atomic int alive;
};

static struct counts *open_counts(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct counts)) < 0)
        return NULL;
    void *map = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return map == MAP_FAILED ? NULL : map;
}

static _Noreturn void comet(struct counts *counts)
{
    for (;;) {
        pid_t pid = fork();
        if (pid > 0)
            _exit(0);
        atomic_fetch_add(&counts->forks, 1);
        if (pid == 0)
            setsid();
    }
}

static _Noreturn void storm(struct counts *counts, int most, int mixed)
{
    for (;;) {
        if (atomic_fetch_add(&counts->alive, 1) >= most) {
            atomic_fetch_sub(&counts->alive, 1);
            poll(NULL, 0, 1);
            continue;
        }
        if (fork() != 0)
            continue;
        if (atomic_fetch_add(&counts->forks, 1) % 3 == 0 && mixed)
            setsid();
        if (atomic_load(&counts->forks) % 4 == 0) { /* some leave, so that it goes on */
            atomic_fetch_sub(&counts->alive, 1);
            _exit(0);
        }
    }
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    struct counts *counts = argc == 4 ? open_counts(argv[3]) : NULL;
    if (!counts)
        return 2;
    int n = (int)strtol(argv[2], NULL, 10);
    if (strcmp(argv[1], "comets") != 0)
        storm(counts, n, strcmp(argv[1], "mixed") == 0);
    for (int i = 0; i < n; i++) {
        if (fork() == 0)
            comet(counts);
    }
    for (;;)
        pause();
}
