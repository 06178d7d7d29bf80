/* SPDX-License-Identifier: MIT */
#include "atomicfile.h"
#include "output.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STALL_MS  60000
#define LINKS_MAX 40

/* What the caller has opened already: its position counts, and a name for it is no file to be
 * replaced. */
static int standard_descriptor(const char *path)
{
    static const char *const names[][3] = {{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"},
                                           {"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"}};
    for (int i = 0; i < 6; i++) {
        if (strcmp(path, names[i / 3][i % 3]) == 0)
            return i < 3 ? output_fd() : 2;
    }
    return -1;
}

/* Where a link points to, also when nothing is there. The caller's, or NULL with errno. */
static char *follow(const char *path)
{
    char *at = xstrdup(path);
    for (int links = 0; links < LINKS_MAX; links++) {
        char target[PATH_MAX];
        ssize_t n = readlink(at, target, sizeof target - 1);
        if (n < 0)
            return at; /* no link, or nothing */
        target[n] = '\0';
        const char *slash = strrchr(at, '/');
        char *next = target[0] == '/' || !slash
                         ? xstrdup(target)
                         : xasprintf("%.*s/%s", (int)(slash - at), at, target);
        free(at);
        at = next;
    }
    free(at);
    errno = ELOOP;
    return NULL;
}

/* *target: the name that a file is to be renamed to, the caller's; or NULL for what is written as
 * it is. 0, or -1 with errno. */
static int find_target(const char *path, char **target)
{
    struct stat st;
    *target = NULL;
    /* stat() first: the kernel refuses to follow a link that somebody else has planted in /tmp. */
    bool there = stat(path, &st) == 0;
    if (!there && errno != ENOENT)
        return -1;
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (there && !S_ISREG(st.st_mode))
        return 0;
    *target = follow(path);
    return *target ? 0 : -1;
}

static int open_as_it_is(const char *path)
{
    int standard = standard_descriptor(path);
    if (standard > 0)
        return fcntl(standard, F_DUPFD_CLOEXEC, 3);
    return open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int open_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || mkdirs(folder, 0777) < 0)
        return fd;
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_temporary(struct atomicfile *file)
{
    for (int tries = 0; tries < 100; tries++) {
        char random[9];
        random_name(random, sizeof random - 1);
        snprintf(file->temporary, sizeof file->temporary, ".ciplug-%s.tmp", random);
        int fd = openat(file->dir, file->temporary,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static void forget(struct atomicfile *file)
{
    auto_close(&file->fd);
    auto_close(&file->dir);
    free(file->name);
    *file = (struct atomicfile){.fd = -1, .dir = -1};
}

static int open_beside(struct atomicfile *file, const char *target)
{
    const char *slash = strrchr(target, '/');
    AUTO_FREE char *folder = slash ? xstrndup(target, (size_t)(slash - target) + 1) : xstrdup(".");
    file->name = xstrdup(slash ? slash + 1 : target);
    if (!*file->name) {
        errno = EISDIR;
        return -1;
    }
    file->dir = open_folder(folder);
    if (file->dir < 0)
        return -1;
    file->fd = open_temporary(file);
    return file->fd < 0 ? -1 : 0;
}

int atomicfile_open(struct atomicfile *file, const char *path)
{
    AUTO_FREE char *target = NULL;
    int result;
    *file = (struct atomicfile){.fd = -1, .dir = -1};
    if (standard_descriptor(path) < 0 && find_target(path, &target) < 0)
        return -1;
    if (target && SAFEGUARD(atomic_report)) {
        result = open_beside(file, target);
    } else {
        file->fd = open_as_it_is(path);
        result = file->fd < 0 ? -1 : 0;
    }
    int error = errno;
    if (result < 0)
        forget(file);
    errno = error;
    return result;
}

/* Never more than a pipe with room takes without waiting. */
static int write_as_it_is(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        int n = poll(&ready, 1, STALL_MS);
        if (n == 0)
            errno = ETIMEDOUT;
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
        ssize_t written = n < 0 ? 0 : write(fd, bytes, length < PIPE_BUF ? length : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
        size_t done = written > 0 ? (size_t)written : 0;
        bytes += done;
        length -= done;
    }
    return 0;
}

int atomicfile_write(struct atomicfile *file, const void *bytes, size_t length)
{
    if (!file->error) {
        int result = file->dir >= 0 ? write_all(file->fd, bytes, length)
                                    : write_as_it_is(file->fd, bytes, length);
        file->error = result < 0 ? errno : 0;
    }
    errno = file->error;
    return file->error ? -1 : 0;
}

/* The bytes first, then the name: a machine that loses its power has the old file or the new one,
 * none that is empty. */
static int put_in_place(struct atomicfile *file)
{
    if (SAFEGUARD(synced_report) && fsync(file->fd) < 0)
        return -1;
    int closed = close(file->fd);
    file->fd = -1;
    if (closed < 0 && errno != EINTR)
        return -1;
    if (renameat(file->dir, file->temporary, file->dir, file->name) < 0)
        return -1;
    file->temporary[0] = '\0';
    /* Some file systems cannot sync a folder. */
    return fsync(file->dir) < 0 && errno != EINVAL ? -1 : 0;
}

static int close_as_it_is(struct atomicfile *file)
{
    int closed = close(file->fd);
    file->fd = -1;
    return closed < 0 && errno != EINTR ? -1 : 0;
}

int atomicfile_close(struct atomicfile *file, bool keep)
{
    int result = file->error ? -1 : 0;
    int error = file->error;
    if (!error && (keep || file->dir < 0)) {
        result = file->dir < 0 ? close_as_it_is(file) : put_in_place(file);
        error = errno;
    }
    if (file->dir >= 0 && file->temporary[0])
        (void)unlinkat(file->dir, file->temporary, 0);
    forget(file);
    errno = error;
    return result;
}

int atomicfile_remove(const char *path)
{
    AUTO_FREE char *target = NULL;
    if (standard_descriptor(path) > 0)
        return 0;
    if (find_target(path, &target) < 0)
        return errno == EISDIR ? 0 : -1;
    return !target || unlink(target) == 0 || errno == ENOENT ? 0 : -1;
}
