/* SPDX-License-Identifier: MIT */
#include "reap.h"
#include "keeper.h"
#include "marker.h"
#include "msg.h"
#include "outside.h"
#include "proctree.h"
#include "record.h"
#include "runs.h"
#include "safeguard.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGAIN_NS    (3 * NS_PER_S) /* at a start, for a command that has hung before */
#define PATIENCE_MS 1000           /* for one thing */

/* A dead run, as its journal has it. */
struct dead {
    struct reap *reap;
    const char *folder; /* name of the run's folder */
    char *run, *boot;   /* NULL: not known */
    pid_t runner;
    uint64_t start; /* of the runner */
    struct intents intents;
    size_t left_before; /* by the last run_reaped; */
    bool hung_before;   /* some of it because a command of a plugin did not end, and nothing came
                           of it */
};

static unsigned patience(const struct reap *reap)
{
    uint64_t now = clock_mono_ns();
    uint64_t ms = now < reap->end_ns ? (reap->end_ns - now) / NS_PER_MS : 0;
    return ms < PATIENCE_MS ? (unsigned)ms : PATIENCE_MS;
}

static void leave(struct reap *reap, const char *kind, const char *what, const char *why)
{
    strv_take(&reap->reaped.left, xasprintf("%s %s: %s", kind, what, why));
}

/* ---- intents, by kind ---- */

static void end_cgroup(struct dead *dead, const char *what)
{
    struct reap *reap = dead->reap;
    unsigned processes;
    if (!SAFEGUARD(reap_by_cgroup))
        return;
    int ended = keeper_reap_cgroup(what, dead->runner, dead->start, patience(reap), &processes);
    if (ended < 0) {
        leave(reap, "cgroup", what, errno == EINVAL ? "not of that run" : strerror(errno));
        return;
    }
    reap->reaped.cgroups += (unsigned)ended;
    reap->reaped.processes += processes;
}

/* The run that plugins are told to remove is the one whose lock we hold. */
static bool is_its_own_journal(const struct dead *dead)
{
    return dead->run && run_id_valid(dead->run) &&
           (strcmp(dead->run, dead->folder) == 0 || !SAFEGUARD(journal_of_its_folder));
}

/* The journal is anybody's word: only sockets are removed, and a folder that had nothing else. */
static void remove_sockets(int folder)
{
    DIR *entries = fdopendir(folder);
    if (!entries) {
        close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct stat st;
        if (fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISSOCK(st.st_mode))
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}

/* ciplug-RUN-xxxxxx, of ours. */
static void remove_folder(struct dead *dead, const char *what)
{
    const char *name = strrchr(what, '/');
    struct stat st;
    if (!is_its_own_journal(dead))
        return;
    AUTO_FREE char *begins = xasprintf("/ciplug-%s-", dead->run);
    if (*what != '/' || !name || strncmp(name, begins, strlen(begins)) != 0 ||
        strlen(name) != strlen(begins) + 6)
        return;
    int folder = open(what, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    if (fstat(folder, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700) {
        close(folder);
        return;
    }
    remove_sockets(folder);
    if (rmdir(what) < 0 && errno != ENOENT)
        leave(dead->reap, INTENT_FOLDER, what, strerror(errno));
}

static char *owner_of(const struct dead *dead)
{
    if (!dead->boot || dead->runner <= 0)
        return NULL;
    return xasprintf("%s.%d.%llu", dead->boot, (int)dead->runner, (unsigned long long)dead->start);
}

static bool names_outside(const struct dead *dead)
{
    for (size_t i = 0; i < dead->intents.n; i++) {
        if (!intent_is_ours(dead->intents.list[i].kind))
            return true;
    }
    return false;
}

/* Containers and the like: neither a reboot nor the end of a machine's processes ends them. */
static void end_outside(struct dead *dead)
{
    struct reap *reap = dead->reap;
    struct outside outside;
    uint64_t began = clock_mono_ns();
    AUTO_FREE char *owner = owner_of(dead);
    const struct outside_request request = {
        .loaded = reap->loaded,
        .more = reap->more,
        .run = dead->run,
        .owner = owner,
        .intents = &dead->intents,
        .from_journal = true,
        .each_ns = dead->hung_before && !reap->all ? AGAIN_NS : reap->each_ns,
    };
    if (!names_outside(dead) || !SAFEGUARD(reap_by_plugin))
        return;
    if (!is_its_own_journal(dead)) {
        leave(reap, "run", dead->folder, "its journal is that of another run");
        return;
    }
    outside_ask(&outside, &request);
    const struct errands_request errands = {
        .list = outside.errands, .n = outside.n, .end_ns = reap->outside_end_ns};
    reap->interrupted |= errands_run(reap->keeper, &errands, reap->heed);
    outside_conclude(&outside);
    strv_copy(&reap->reaped.removed, &outside.removed);
    strv_copy(&reap->reaped.left, &outside.left);
    outside_free(&outside);
    reap->outside_took_ns = clock_mono_ns() - began;
}

/* ---- what the journal says ---- */

static void read_header(struct dead *dead, const json_t *record)
{
    const char *run = json_string_value(json_object_get(record, "run"));
    const char *boot = json_string_value(json_object_get(record, "boot_id"));
    if (dead->run || !run)
        return;
    dead->run = xstrdup(run);
    dead->boot = boot ? xstrdup(boot) : NULL;
    dead->runner = (pid_t)json_integer_value(json_object_get(record, "pid"));
    dead->start = (uint64_t)json_integer_value(json_object_get(record, "pid_started"));
}

static char *copy_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));
    return text ? xstrdup(text) : NULL;
}

static void read_intent(struct dead *dead, const json_t *record)
{
    struct intent intent = {.kind = copy_of(record, "kind"),
                            .what = copy_of(record, "what"),
                            .by_kind = copy_of(record, "by_kind"),
                            .by_what = copy_of(record, "by_what")};
    const json_t *texts = json_object_get(record, "env");
    for (size_t i = 0; i < json_array_size(texts); i++)
        strv_push(&intent.env, json_string_value(json_array_get(texts, i)));
    (void)intents_add(&dead->intents, &intent);
    intent_clear(&intent);
}

static void read_reaped(struct dead *dead, const json_t *record)
{
    const json_t *left = json_object_get(record, "left");
    dead->left_before = json_array_size(left);
    dead->hung_before = false;
    for (size_t i = 0; i < dead->left_before; i++) {
        const char *text = json_string_value(json_array_get(left, i));
        dead->hung_before |= text && strstr(text, ": timed out after ");
    }
    /* A slow one, that has got on, needs its time again. */
    if (json_array_size(json_object_get(record, "removed")) > 0)
        dead->hung_before = false;
}

static void on_record(void *data, const char *name, const void *record)
{
    struct dead *dead = data;
    if (strcmp(name, "intent") == 0) {
        read_intent(dead, record);
    } else if (strcmp(name, "run_reaped") == 0) {
        read_reaped(dead, record);
    } else {
        read_header(dead, record);
    }
}

static void dead_free(struct dead *dead)
{
    free(dead->run);
    free(dead->boot);
    intents_free(&dead->intents);
}

static bool rebooted(const struct dead *dead)
{
    AUTO_FREE char *boot = record_boot_id();
    return boot && dead->boot && strcmp(boot, dead->boot) != 0;
}

/* Whoever copies a state folder copies no locks. */
static bool runner_alive(const struct dead *dead)
{
    struct process_stat stat;
    return SAFEGUARD(runner_looked_for) && dead->runner > 0 && !rebooted(dead) &&
           process_stat(dead->runner, &stat) == 0 && stat.start == dead->start &&
           process_alive(&stat);
}

/* ---- one run ---- */

static void end_processes(struct dead *dead)
{
    char marker[MARKER_RUN_MAX];
    const char *own = getenv("CIPLUG_JOB");
    if (!dead->run || dead->runner <= 0 || !SAFEGUARD(reap_by_marker))
        return;
    marker_of_run(marker, dead->run, dead->runner, dead->start);
    if (!SAFEGUARD(marker_of_the_runner)) /* the id of the run alone */
        strchr(marker, '.')[1] = '\0';
    if (own && str_starts(own, strchr(marker, '=') + 1))
        leave(dead->reap, "processes", dead->run, "we were started by one of them");
    else
        dead->reap->reaped.processes +=
            keeper_reap_marker(marker, dead->start, patience(dead->reap));
}

/* Whether plugins have to be asked: a run that says that nothing is left has asked them itself. */
static bool outside_is_owed(const struct reap *reap, enum journal_end before)
{
    return reap->named || before == JOURNAL_OPEN || before == JOURNAL_KEPT ||
           before == JOURNAL_LEFT;
}

static void end_all(struct dead *dead, enum journal_end before)
{
    dead->reap->reaped.rebooted = rebooted(dead);
    /* What the machine itself held is gone with it; the rest may live elsewhere. */
    for (size_t i = 0; i < dead->intents.n && !dead->reap->reaped.rebooted; i++) {
        const struct intent *intent = &dead->intents.list[i];
        if (strcmp(intent->kind, INTENT_CGROUP) == 0)
            end_cgroup(dead, intent->what);
        else if (strcmp(intent->kind, INTENT_FOLDER) == 0)
            remove_folder(dead, intent->what);
    }
    if (!dead->reap->reaped.rebooted)
        end_processes(dead);
    if (outside_is_owed(dead->reap, before) && !dead->reap->interrupted)
        end_outside(dead);
}

static bool found_any(const struct reap *reap)
{
    return reap->reaped.processes || reap->reaped.cgroups || reap->reaped.removed.n > 0;
}

/* A journal does not grow by a record that says nothing new. */
static bool worth_a_record(const struct dead *dead, enum journal_end before)
{
    const struct reap *reap = dead->reap;
    if (found_any(reap))
        return true;
    if (reap->reaped.left.n > 0)
        return !reap->again;
    return before == JOURNAL_OPEN || before == JOURNAL_KEPT || before == JOURNAL_LEFT;
}

/* As many as a record says there were: it may have cut the list. */
static size_t recorded(size_t n)
{
    return n > RECORD_TEXTS_MAX ? RECORD_TEXTS_MAX + 1 : n;
}

static enum reap_result reap_locked(struct reap *reap, struct journal *journal, const char *path)
{
    struct dead dead = {.reap = reap, .folder = strrchr(path, '/') + 1};
    struct journal_reader reader = {.other = on_record, .data = &dead};
    enum journal_end before = journal_end(path);
    enum reap_result result = REAP_NOTHING;
    if (!reap->all && before != JOURNAL_OPEN && before != JOURNAL_LEFT)
        return result;
    if (journal_replay(path, &reader, NULL) < 0) {
        result = REAP_FAILED;
    } else if (runner_alive(&dead)) {
        result = REAP_ALIVE;
    } else {
        result = REAP_DONE;
        end_all(&dead, before);
        reap->again = reap->reaped.left.n > 0 && recorded(reap->reaped.left.n) == dead.left_before;
        reap->reaped.by = reap->by;
        if (worth_a_record(&dead, before) && journal_run_reaped(journal, &reap->reaped) < 0) {
            errno = journal->error;
            result = REAP_FAILED;
        }
    }
    dead_free(&dead);
    return result;
}

/* Held shared while we look: nobody then takes the run for alive, and a run that has only just made
 * its lock waits until we have seen that there is no journal yet. */
static enum reap_result take_lock(int run, int *lock)
{
    *lock = openat(run, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*lock < 0)
        return errno == ENOENT ? REAP_NOTHING : REAP_FAILED;
    if (file_lock(*lock, LOCK_SH | LOCK_NB) == 0 || !SAFEGUARD(run_lock))
        return REAP_DONE;
    return errno == EWOULDBLOCK ? REAP_ALIVE : REAP_FAILED;
}

/* What others wrote may name what is not theirs to end. */
static int check_owner(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    bool ours = st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
    if (ours || !SAFEGUARD(own_runs_only))
        return 0;
    errno = EPERM;
    return -1;
}

static int open_journal(const struct reap *reap, struct journal *journal, const char *path)
{
    while (journal_reopen(journal, path) < 0) {
        if (errno != EWOULDBLOCK || !reap->all || clock_mono_ns() >= reap->end_ns)
            return -1;
        (void)poll(NULL, 0, 10);
    }
    if (check_owner(journal->fd) == 0)
        return 0;
    int error = errno;
    (void)journal_close(journal);
    errno = error;
    return -1;
}

enum reap_result reap_run(struct reap *reap, const char *path)
{
    AUTO_CLOSE int run = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_CLOSE int lock = -1;
    if (run < 0 || check_owner(run) < 0)
        return REAP_FAILED;
    enum reap_result result = take_lock(run, &lock);
    if (result != REAP_DONE)
        return result;
    struct journal journal;
    if (open_journal(reap, &journal, path) < 0)
        return errno == ENOENT ? REAP_NOTHING : errno == EWOULDBLOCK ? REAP_BUSY : REAP_FAILED;
    result = reap_locked(reap, &journal, path);
    int error = errno;
    if (journal_close(&journal) < 0 && result == REAP_DONE)
        result = REAP_FAILED;
    else
        errno = error;
    return result;
}

void reap_clear(struct reap *reap)
{
    strv_free(&reap->reaped.removed);
    strv_free(&reap->reaped.left);
}

void reap_describe(const struct reap *reap, struct strbuf *out)
{
    unsigned processes = reap->reaped.processes, cgroups = reap->reaped.cgroups;
    if (processes)
        strbuf_addf(out, "%u process%s", processes, processes == 1 ? "" : "es");
    else if (cgroups)
        strbuf_addf(out, "%u empty cgroup%s", cgroups, cgroups == 1 ? "" : "s");
    AUTO_STRBUF struct strbuf removed = STRBUF_INIT;
    outside_describe(&reap->reaped.removed, &removed);
    if (removed.len)
        strbuf_addf(out, "%s%s", out->len ? ", " : "", removed.buf);
}
