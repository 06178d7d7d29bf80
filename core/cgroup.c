/* SPDX-License-Identifier: MIT */
#include "cgroup.h"
#include "keeper.h"
#include "proctree.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "ciplug-" /* PID and start of the runner, PID of the keeper */

/* The value behind "0::" of /proc/self/cgroup: where the caller is in the v2 hierarchy. */
static int own_path(char *path, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return -1;
    int rc = -1;
    char line[KEEPER_CGROUP_MAX];
    while (rc < 0 && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0)
            rc = snprintf(path, size, "%s", line + 3) < (int)size ? 0 : -1;
    }
    fclose(file);
    return rc;
}

/* Root and mount point of a cgroup2 line of mountinfo ("30 22 0:27 ROOT MOUNT opts - cgroup2 ..."),
 * cut out of it in place. Names with escapes (\040) are nobody's cgroup mount. */
static bool mount_line(char *line, char **root, char **mount)
{
    if (!strstr(line, " - cgroup2 ") || strchr(line, '\\'))
        return false;
    char *save = NULL;
    char *field = strtok_r(line, " ", &save);
    for (int i = 0; i < 3 && field; i++)
        field = strtok_r(NULL, " ", &save);
    *root = field;
    *mount = field ? strtok_r(NULL, " ", &save) : NULL;
    return *mount != NULL;
}

static int own_folder(char *path, size_t size)
{
    char own[KEEPER_CGROUP_MAX], line[4096];
    if (own_path(own, sizeof own) < 0)
        return -1;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return -1;
    int rc = -1;
    while (rc < 0 && fgets(line, sizeof line, file)) {
        char *root, *mount;
        if (!mount_line(line, &root, &mount))
            continue;
        size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(own, root, skip) != 0)
            continue;
        const char *below = strcmp(own + skip, "/") == 0 ? "" : own + skip;
        rc = snprintf(path, size, "%s%s", mount, below) < (int)size ? 0 : -1;
    }
    fclose(file);
    return rc;
}

int cgroup_make_folder(char *path, size_t size, pid_t runner)
{
    char own[KEEPER_CGROUP_MAX];
    struct process_stat stat;
    if (own_folder(own, sizeof own) < 0 || process_stat(runner, &stat) < 0) {
        errno = ENOENT;
        return -1;
    }
    int n = snprintf(path, size, "%s/" FOLDER "%d-%llu-%d", own, (int)runner,
                     (unsigned long long)stat.start, (int)getpid());
    if (n < 0 || (size_t)n + 16 > size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkdir(path, 0755);
}

static bool take_number(const char **text, unsigned long long most, unsigned long long *number)
{
    char *end;
    if (**text < '1' || **text > '9')
        return false;
    errno = 0;
    *number = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0 && *number <= most;
}

static bool folder_name(const char *name, pid_t *runner, uint64_t *start)
{
    unsigned long long pid, since, keeper;
    if (!str_starts(name, FOLDER))
        return false;
    name += strlen(FOLDER);
    if (!take_number(&name, INT_MAX, &pid) || *name++ != '-' ||
        !take_number(&name, ULLONG_MAX, &since) || *name++ != '-' ||
        !take_number(&name, INT_MAX, &keeper) || *name)
        return false;
    *runner = (pid_t)pid;
    *start = since;
    return true;
}

bool cgroup_folder_runner(const char *path, pid_t *runner, uint64_t *start)
{
    const char *slash = strrchr(path, '/');
    return *path == '/' && slash && !strstr(path, "/../") && folder_name(slash + 1, runner, start);
}

static int open_in(const char *folder, const char *name, int flags)
{
    char path[KEEPER_CGROUP_MAX + 32];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return -1;
    return open(path, flags | O_CLOEXEC);
}

static bool order(int fd, const char *text)
{
    return fd >= 0 && pwrite(fd, text, strlen(text), 0) > 0;
}

/* When in doubt it is empty: then rmdir tells. */
static bool populated(int events)
{
    char text[256];
    ssize_t n = events < 0 ? -1 : pread(events, text, sizeof text - 1, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return strstr(text, "populated 1") != NULL;
}

/* Depth first; a command may have made folders of its own below its leaf. */
static int remove_folders(const char *path, unsigned depth)
{
    DIR *dir = depth < 32 ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char below[KEEPER_CGROUP_MAX * 2];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int n = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (n > 0 && (size_t)n < sizeof below)
            remove_folders(below, depth + 1);
    }
    if (dir)
        closedir(dir);
    return rmdir(path) < 0 && errno != ENOENT ? -1 : 0;
}

int cgroup_remove(const char *path, unsigned patience_ms)
{
    AUTO_CLOSE int kill_fd = open_in(path, "cgroup.kill", O_WRONLY);
    AUTO_CLOSE int events = open_in(path, "cgroup.events", O_RDONLY);
    uint64_t end = clock_mono_ns() + patience_ms * NS_PER_MS;
    for (;;) {
        if (populated(events))
            order(kill_fd, "1");
        else if (remove_folders(path, 0) == 0)
            return 0;
        else if (errno != EBUSY)
            return -1;
        if (clock_mono_ns() >= end) {
            errno = EBUSY;
            return -1;
        }
        poll(NULL, 0, 2);
    }
}

static unsigned count_lines(const char *folder, const char *name)
{
    AUTO_CLOSE int fd = open_in(folder, name, O_RDONLY);
    char text[4096];
    unsigned lines = 0;
    ssize_t n;
    while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    }
    return lines;
}

static unsigned count_below(const char *path, unsigned depth)
{
    unsigned count = count_lines(path, "cgroup.procs");
    DIR *dir = depth < 32 ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char below[KEEPER_CGROUP_MAX * 2];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int n = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (n > 0 && (size_t)n < sizeof below)
            count += count_below(below, depth + 1);
    }
    if (dir)
        closedir(dir);
    return count;
}

unsigned cgroup_count(const char *path)
{
    return count_below(path, 0);
}

static bool runner_dead(pid_t runner, uint64_t start)
{
    struct process_stat stat;
    return process_stat(runner, &stat) < 0 || stat.start != start || !process_alive(&stat);
}

unsigned cgroup_remove_empty(void)
{
    char own[KEEPER_CGROUP_MAX];
    DIR *dir = own_folder(own, sizeof own) < 0 ? NULL : opendir(own);
    struct dirent *entry;
    unsigned removed = 0;
    while (dir && (entry = readdir(dir))) {
        char path[KEEPER_CGROUP_MAX * 2];
        pid_t runner;
        uint64_t start;
        if (!folder_name(entry->d_name, &runner, &start) || !runner_dead(runner, start))
            continue;
        int n = snprintf(path, sizeof path, "%s/%s", own, entry->d_name);
        /* Refused while anything is in it, by the kernel itself. */
        removed += n > 0 && (size_t)n < sizeof path && remove_folders(path, 0) == 0;
    }
    if (dir)
        closedir(dir);
    return removed;
}

static void leaf_empty(struct cgroup_leaf *leaf)
{
    int *fds[] = {&leaf->procs, &leaf->kill, &leaf->events, &leaf->freeze};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    free(leaf->path);
    leaf->path = NULL;
}

void cgroup_leaf_open(struct cgroup_leaf *leaf, const char *folder, unsigned number)
{
    char path[KEEPER_CGROUP_MAX + 16];
    *leaf = (struct cgroup_leaf){NULL, -1, -1, -1, -1};
    int n = snprintf(path, sizeof path, "%s/%u", folder, number);
    if (!*folder || n < 0 || (size_t)n >= sizeof path)
        return;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return;
    leaf->path = strdup(path);
    leaf->procs = open_in(path, "cgroup.procs", O_RDWR);
    leaf->kill = open_in(path, "cgroup.kill", O_WRONLY);
    leaf->events = open_in(path, "cgroup.events", O_RDONLY);
    leaf->freeze = open_in(path, "cgroup.freeze", O_WRONLY);
    if (!leaf->path || leaf->procs < 0 || leaf->kill < 0 || leaf->events < 0) {
        leaf_empty(leaf);
        rmdir(path);
    }
    /* One that a hand left which died while the run was paused: what came into it would never run.
     */
    (void)cgroup_leaf_freeze(leaf, false);
}

void cgroup_leaf_close(struct cgroup_leaf *leaf)
{
    if (leaf->path)
        cgroup_remove(leaf->path, 50);
    leaf_empty(leaf);
}

bool cgroup_leaf_kill(struct cgroup_leaf *leaf)
{
    return order(leaf->kill, "1");
}

bool cgroup_leaf_freeze(struct cgroup_leaf *leaf, bool frozen)
{
    return order(leaf->freeze, frozen ? "1" : "0");
}

bool cgroup_leaf_populated(const struct cgroup_leaf *leaf)
{
    return populated(leaf->events);
}

void cgroup_leaf_list(const struct cgroup_leaf *leaf, struct pid_list *list)
{
    if (leaf->procs < 0)
        return;
    char text[4096];
    size_t have = 0;
    off_t offset = 0;
    ssize_t n;
    while ((n = pread(leaf->procs, text + have, sizeof text - 1 - have, offset)) > 0) {
        offset += n;
        have += (size_t)n;
        text[have] = '\0';
        char *at = text, *end;
        while ((end = strchr(at, '\n'))) {
            pid_list_add(list, (pid_t)strtol(at, NULL, 10));
            at = end + 1;
        }
        have = strlen(at);
        memmove(text, at, have);
    }
}
