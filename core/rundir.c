/* SPDX-License-Identifier: MIT */
#include "rundir.h"
#include "msg.h"
#include "runs.h"
#include "safeguard.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_FOLLOW   (SAFEGUARD(no_follow) ? O_NOFOLLOW : 0)
#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | NO_FOLLOW | O_CLOEXEC)
#define OPEN_NEW    (O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define STEP_MAX    200 /* of a folder's name; longer steps are cut and told apart by a hash */

/* ---- making a run ---- */

static int check_owner(int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        msg(MSG_ERROR, "cannot look at '%s': %s", path, strerror(errno));
        return -1;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        msg(MSG_ERROR,
            "'%s' belongs to user %u: not used, because that user could change what runs leave "
            "there (chown it, or name another --state-dir)",
            path, (unsigned)st.st_uid);
        return -1;
    }
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX) && SAFEGUARD(trusted_state)) {
        msg(MSG_ERROR, "'%s' may be written by everybody: not used (chmod o-w it)", path);
        return -1;
    }
    return 0;
}

static int state_open(struct rundir *dir, const char *state, bool *fresh)
{
    int fd = -1;
    errno = ENOENT;
    *fresh = *state && access(state, F_OK) < 0;
    if (*state && mkdirs(state, 0700) == 0 && (dir->state = realpath(state, NULL)))
        fd = open(dir->state, OPEN_FOLDER);
    if (fd < 0) {
        dir->error = errno;
        msg(MSG_ERROR, "cannot use the state folder '%s': %s", state, strerror(errno));
        return -1;
    }
    if (check_owner(fd, dir->state) == 0)
        return fd;
    close(fd);
    return -1;
}

/* So that a run is never committed; only in a folder that is ours alone. */
static void write_gitignore(int state)
{
    AUTO_CLOSE int fd = openat(state, ".gitignore", O_WRONLY | OPEN_NEW, 0600);
    if (fd >= 0 && write_all(fd, "*\n", 2) < 0)
        msg(MSG_DEBUG, "cannot write .gitignore: %s", strerror(errno));
}

static int runs_make(struct rundir *dir, int state, bool fresh)
{
    AUTO_FREE char *path = xasprintf("%s/runs", dir->state);
    bool made = mkdirat(state, "runs", 0700) == 0;
    int fd = made || errno == EEXIST ? openat(state, "runs", OPEN_FOLDER) : -1;
    if (fd < 0) {
        dir->error = errno;
        msg(MSG_ERROR, "cannot make '%s': %s", path, strerror(errno));
        return -1;
    }
    if (check_owner(fd, path) < 0) {
        close(fd);
        return -1;
    }
    if (made && (fresh || strcmp(strrchr(dir->state, '/'), "/.ciplug") == 0))
        write_gitignore(state);
    return fd;
}

static int make_folder(struct rundir *dir, int runs)
{
    for (int tries = 0; tries < 100; tries++) {
        do
            random_name(dir->run, sizeof dir->run - 1);
        while (!run_id_valid(dir->run));
        if (mkdirat(runs, dir->run, 0700) == 0)
            return 0;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

static int take_lock(struct rundir *dir)
{
    dir->lock = openat(dir->fd, "lock", O_RDWR | OPEN_NEW, 0600);
    if (dir->lock < 0)
        return -1;
    return file_lock(dir->lock, LOCK_EX);
}

static int run_make(struct rundir *dir, int runs)
{
    AUTO_CLOSE int guard = runs_guard(runs);
    if (guard >= 0 && make_folder(dir, runs) == 0) {
        dir->path = xasprintf("%s/runs/%s", dir->state, dir->run);
        dir->fd = openat(runs, dir->run, OPEN_FOLDER);
        if (dir->fd >= 0 && take_lock(dir) == 0)
            return 0;
    }
    dir->error = errno;
    msg(MSG_ERROR, "cannot make a folder for this run in '%s/runs': %s", dir->state,
        strerror(dir->error));
    if (dir->path && tree_remove(runs, dir->run) < 0)
        msg(MSG_WARNING, "cannot remove '%s': %s", dir->path, strerror(errno));
    return -1;
}

static void point_latest(const struct rundir *dir, int state)
{
    AUTO_FREE char *target = xasprintf("runs/%s", dir->run);
    AUTO_FREE char *fresh = xasprintf(RUNDIR_FRESH "%s", dir->run);
    if (symlinkat(target, state, fresh) == 0 && renameat(state, fresh, state, "latest") == 0)
        return;
    msg(MSG_WARNING, "cannot point '%s/latest' at this run: %s", dir->state, strerror(errno));
    (void)!unlinkat(state, fresh, 0);
    /* Rather none than one that shows another run's results as this one's. */
    (void)!unlinkat(state, "latest", 0);
}

int rundir_create(struct rundir *dir, const char *state)
{
    bool fresh;
    *dir = (struct rundir){.fd = -1, .lock = -1};
    AUTO_CLOSE int state_fd = state_open(dir, state, &fresh);
    AUTO_CLOSE int runs = state_fd < 0 ? -1 : runs_make(dir, state_fd, fresh);
    if (runs < 0 || run_make(dir, runs) < 0) {
        int error = dir->error;
        rundir_close(dir);
        dir->error = error;
        return -1;
    }
    point_latest(dir, state_fd);
    return 0;
}

void rundir_close(struct rundir *dir)
{
    auto_close(&dir->fd);
    auto_close(&dir->lock);
    free(dir->state);
    free(dir->path);
    *dir = (struct rundir){.fd = -1, .lock = -1};
}

/* ---- files of a run ---- */

static int open_below(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, OPEN_FOLDER);
}

/* The folder's name for a step; NULL with errno for what cannot be one. */
static char *step_folder(const char *step)
{
    size_t length = strlen(step);
    if (length == 0 || step[0] == '.' || strchr(step, '/')) {
        errno = EINVAL;
        return NULL;
    }
    if (length <= STEP_MAX)
        return xstrdup(step);
    return xasprintf("%.*s-%016" PRIx64, STEP_MAX, step, hash_bytes(HASH_START, step, length));
}

static int open_step(const struct rundir *dir, const char *kind, const char *folder)
{
    AUTO_CLOSE int parent = open_below(dir->fd, kind);
    return parent < 0 ? -1 : open_below(parent, folder);
}

static char *attempt_name(unsigned number, unsigned attempt, const char *end)
{
    return attempt > 1 ? xasprintf("%u.%u%s", number, attempt, end)
                       : xasprintf("%u%s", number, end);
}

int rundir_log(const struct rundir *dir, const char *step, unsigned number, unsigned attempt,
               const char *kind, char **path)
{
    *path = NULL;
    AUTO_FREE char *suffix = xasprintf(".%s", kind);
    AUTO_FREE char *folder = step_folder(step);
    AUTO_FREE char *name = attempt_name(number, attempt, suffix);
    AUTO_CLOSE int parent = folder ? open_step(dir, "logs", folder) : -1;
    int fd = parent < 0 ? -1 : openat(parent, name, O_WRONLY | OPEN_NEW, 0600);
    if (fd >= 0)
        *path = xasprintf("%s/logs/%s/%s", dir->path, folder, name);
    return fd;
}

/* The open file, when it is one of that length. */
static bool has_length(int fd, uint64_t bytes)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes;
}

static int copy_log(int parent, const char *name, const char *older)
{
    AUTO_CLOSE int from = open(older, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    AUTO_CLOSE int to = from < 0 ? -1 : openat(parent, name, O_WRONLY | OPEN_NEW, 0600);
    char buffer[65536];
    for (ssize_t n; to >= 0 && (n = read(from, buffer, sizeof buffer)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || write_all(to, buffer, (size_t)n) < 0) {
            (void)unlinkat(parent, name, 0);
            return -1;
        }
    }
    return to < 0 ? -1 : 0;
}

char *rundir_keep_log(const struct rundir *dir, const char *step, unsigned number,
                      const char *older, uint64_t bytes, bool needed)
{
    AUTO_FREE char *folder = step_folder(step);
    AUTO_FREE char *name = attempt_name(number, 1, ".out");
    AUTO_CLOSE int parent = folder ? open_step(dir, "logs", folder) : -1;
    if (parent < 0)
        return NULL;
    /* Not every filesystem knows links, and a file has only so many. */
    bool there = linkat(AT_FDCWD, older, parent, name, 0) == 0;
    if (!there && errno != ENOENT && needed)
        there = copy_log(parent, name, older) == 0;
    if (!there)
        return NULL;
    AUTO_CLOSE int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (has_length(fd, bytes))
        return xasprintf("%s/logs/%s/%s", dir->path, folder, name);
    (void)unlinkat(parent, name, 0);
    errno = EIO;
    return NULL;
}

char *rundir_kept(const struct rundir *dir, const char *kind, const char *step, unsigned number,
                  unsigned attempt)
{
    AUTO_FREE char *folder = step_folder(step);
    AUTO_FREE char *name = attempt_name(number, attempt, "");
    AUTO_CLOSE int parent = folder ? open_step(dir, kind, folder) : -1;
    if (parent < 0)
        return NULL;
    /* What a command has put there beforehand, cp would write through. */
    if (mkdirat(parent, name, 0700) < 0 && (errno != EEXIST || SAFEGUARD(new_artifacts)))
        return NULL;
    return xasprintf("%s/%s/%s/%s", dir->path, kind, folder, name);
}
