/* SPDX-License-Identifier: MIT */
#include "runs.h"
#include "msg.h"
#include "rundir.h"
#include "strbuf.h"
#include "tree.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRASH ".trash-"
#define NAMED 10 /* in a message */

bool run_id_valid(const char *id)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");
    return length == RUN_ID_SIZE - 1 && !id[length] && id[0] >= 'a';
}

static uint64_t started(int runs, const char *id)
{
    struct stat st;
    AUTO_FREE char *lock = xasprintf("%s/lock", id);
    if (fstatat(runs, lock, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        fstatat(runs, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
}

static void add_run(struct run_list *list, int runs, const char *id)
{
    struct stat st;
    if (!run_id_valid(id) || fstatat(runs, id, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(st.st_mode))
        return;
    ARRAY_GROW(list->list, list->n, list->alloc);
    struct run_entry *entry = &list->list[list->n++];
    memcpy(entry->id, id, RUN_ID_SIZE);
    entry->started_ns = started(runs, id);
}

static int newest_first(const void *left, const void *right)
{
    const struct run_entry *a = left, *b = right;
    if (a->started_ns != b->started_ns)
        return a->started_ns > b->started_ns ? -1 : 1;
    return strcmp(a->id, b->id);
}

void run_list_read(struct run_list *list, int runs)
{
    int copy = openat(runs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        auto_close(&copy);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));)
        add_run(list, runs, entry->d_name);
    closedir(entries);
    if (list->n > 0)
        qsort(list->list, list->n, sizeof *list->list, newest_first);
}

void run_list_free(struct run_list *list)
{
    free(list->list);
    *list = (struct run_list){0};
}

bool run_alive_at(int run)
{
    AUTO_CLOSE int fd = openat(run, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT;
    /* Shared: two who ask at the same time do not see each other. */
    return file_lock(fd, LOCK_SH | LOCK_NB) < 0;
}

bool rundir_alive(const char *run_path)
{
    AUTO_CLOSE int run = open(run_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return run >= 0 && run_alive_at(run);
}

int runs_guard(int runs)
{
    int fd = openat(runs, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (file_lock(fd, LOCK_EX) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- prune ---- */

/* One at a time: two would take it for stuck while the other moves things around. */
static void remove_trash(int runs, const char *trash)
{
    AUTO_CLOSE int fd = openat(runs, trash, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && file_lock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return;
    if (tree_remove(runs, trash) < 0)
        msg(MSG_WARNING, "cannot remove all of an old run ('%s'): %s", trash, strerror(errno));
}

/* Renamed under the guard, removed without it: that may take long. */
static void remove_run(int runs, const char *id)
{
    AUTO_FREE char *trash = xasprintf(TRASH "%s", id);
    {
        AUTO_CLOSE int guard = runs_guard(runs);
        AUTO_CLOSE int run = openat(runs, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (guard < 0 || run < 0 || run_alive_at(run) || renameat(runs, id, runs, trash) < 0)
            return;
    }
    remove_trash(runs, trash);
}

/* What a prune that was killed has left. */
static void empty_trash(int runs)
{
    AUTO_STRV struct strv names = STRV_INIT;
    int copy = openat(runs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        auto_close(&copy);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (str_starts(entry->d_name, TRASH))
            strv_push(&names, entry->d_name);
    }
    closedir(entries);
    for (size_t i = 0; i < names.n; i++)
        remove_trash(runs, names.v[i]);
}

static int open_runs(const char *state)
{
    AUTO_CLOSE int fd = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : openat(fd, "runs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_spared(const struct rundir *dir, const char *id, bool (*spare)(const char *path))
{
    AUTO_FREE char *path = xasprintf("%s/runs/%s", dir->state, id);
    return spare && spare(path);
}

/* A run that was killed while it pointed `latest` at itself left the link that was to be renamed.
 */
static void remove_links(const struct rundir *dir, int runs)
{
    DIR *entries = opendir(dir->state);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (!str_starts(entry->d_name, RUNDIR_FRESH))
            continue;
        const char *id = entry->d_name + strlen(RUNDIR_FRESH);
        AUTO_CLOSE int run = openat(runs, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (run_id_valid(id) && (run < 0 || !run_alive_at(run)))
            (void)!unlinkat(dirfd(entries), entry->d_name, 0);
    }
    if (entries)
        closedir(entries);
}

void rundir_prune(const struct rundir *dir, unsigned keep, const char *except,
                  bool (*spare)(const char *path))
{
    struct run_list runs = {0};
    AUTO_CLOSE int fd = open_runs(dir->state);
    if (fd < 0)
        return;
    empty_trash(fd);
    remove_links(dir, fd);
    run_list_read(&runs, fd);
    for (size_t i = keep; i < runs.n; i++) {
        const char *id = runs.list[i].id;
        if (strcmp(id, dir->run) != 0 && !(except && strcmp(id, except) == 0) &&
            !is_spared(dir, id, spare))
            remove_run(fd, id);
    }
    run_list_free(&runs);
}

/* ---- find ---- */

static const struct run_entry *find_id(const struct run_list *runs, const char *id)
{
    for (size_t i = 0; i < runs->n; i++) {
        if (strcmp(runs->list[i].id, id) == 0)
            return &runs->list[i];
    }
    return NULL;
}

/* Where the link points; the newest where it does not point at a run. */
static const struct run_entry *find_latest(const struct run_list *runs, const char *state)
{
    AUTO_FREE char *link = xasprintf("%s/latest", state);
    char target[32];
    ssize_t n = readlink(link, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    const struct run_entry *found =
        str_starts(target, "runs/") ? find_id(runs, target + strlen("runs/")) : NULL;
    return found || runs->n == 0 ? found : &runs->list[0];
}

static void name_some(struct strbuf *out, const struct run_list *runs, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < runs->n; i++) {
        if (!str_starts(runs->list[i].id, prefix))
            continue;
        if (n < NAMED)
            strbuf_addf(out, "%s%s", n > 0 ? ", " : "", runs->list[i].id);
        n++;
    }
    if (n > NAMED)
        strbuf_addf(out, " and %zu more", n - NAMED);
}

static const struct run_entry *find_prefix(const struct run_list *runs, const char *prefix,
                                           const char *state)
{
    const struct run_entry *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < runs->n && *prefix; i++) {
        if (str_starts(runs->list[i].id, prefix)) {
            found = &runs->list[i];
            n++;
        }
    }
    if (n == 1)
        return found;
    AUTO_STRBUF struct strbuf names = STRBUF_INIT;
    name_some(&names, runs, n > 0 ? prefix : "");
    if (n > 0)
        msg(MSG_ERROR, "run '%s' may be any of %s", prefix, names.buf);
    else
        msg(MSG_ERROR, "no run '%s' in '%s'; there are, newest first: %s", prefix, state,
            names.buf);
    return NULL;
}

char *rundir_find(const char *state, const char *run)
{
    struct run_list runs = {0};
    AUTO_FREE char *absolute = realpath(state, NULL);
    AUTO_CLOSE int fd = absolute ? open_runs(absolute) : -1;
    if (fd >= 0)
        run_list_read(&runs, fd);
    const struct run_entry *found = NULL;
    if (runs.n == 0)
        msg(MSG_ERROR, "there is no run in '%s' yet", state);
    else if (!run || strcmp(run, "latest") == 0)
        found = find_latest(&runs, absolute);
    else
        found = find_prefix(&runs, run, state);
    char *path = found ? xasprintf("%s/runs/%s", absolute, found->id) : NULL;
    run_list_free(&runs);
    return path;
}
