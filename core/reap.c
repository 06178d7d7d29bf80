/* SPDX-License-Identifier: MIT */
#include "reap.h"
#include "keeper.h"
#include "marker.h"
#include "msg.h"
#include "proctree.h"
#include "record.h"
#include "runs.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_NS    (2 * NS_PER_S)
#define PATIENCE_MS 1000 /* for one thing */

/* A dead run, as its journal has it. */
struct dead {
    struct reap *reap;
    char *run, *boot; /* NULL: not known */
    pid_t runner;
    uint64_t start;     /* of the runner */
    struct strv kinds;  /* of intents, in order */
    struct strv whats;  /* what they say */
    size_t left_before; /* by the last run_reaped */
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

static const struct reap_kind {
    const char *name;
    void (*end)(struct dead *dead, const char *what);
} kinds[] = {
    {"cgroup", end_cgroup},
};

static void end_intent(struct dead *dead, const char *kind, const char *what)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            kinds[i].end(dead, what);
            return;
        }
    }
    leave(dead->reap, kind, what, "this ciplug does not know how to end it");
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

static void on_record(void *data, const char *name, const void *record)
{
    struct dead *dead = data;
    if (strcmp(name, "intent") == 0) {
        strv_push(&dead->kinds, json_string_value(json_object_get(record, "kind")));
        strv_push(&dead->whats, json_string_value(json_object_get(record, "what")));
    } else if (strcmp(name, "run_reaped") == 0) {
        dead->left_before = json_array_size(json_object_get(record, "left"));
    } else {
        read_header(dead, record);
    }
}

static void dead_free(struct dead *dead)
{
    free(dead->run);
    free(dead->boot);
    strv_free(&dead->kinds);
    strv_free(&dead->whats);
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

static void end_all(struct dead *dead)
{
    dead->reap->reaped.rebooted = rebooted(dead);
    for (size_t i = 0; i < dead->kinds.n; i++) {
        /* What the machine itself held is gone with it; the rest may live elsewhere. */
        if (!dead->reap->reaped.rebooted || strcmp(dead->kinds.v[i], "cgroup") != 0)
            end_intent(dead, dead->kinds.v[i], dead->whats.v[i]);
    }
    if (!dead->reap->reaped.rebooted)
        end_processes(dead);
}

static bool found_any(const struct reap *reap)
{
    return reap->reaped.processes || reap->reaped.cgroups;
}

/* A journal does not grow by a record that says nothing new. */
static bool worth_a_record(const struct dead *dead, enum journal_end before)
{
    const struct reap *reap = dead->reap;
    if (found_any(reap))
        return true;
    if (reap->reaped.left.n > 0)
        return !reap->again;
    return before == JOURNAL_OPEN || before == JOURNAL_KEPT;
}

static enum reap_result reap_locked(struct reap *reap, struct journal *journal, const char *path)
{
    struct dead dead = {.reap = reap};
    struct journal_reader reader = {.other = on_record, .data = &dead};
    enum journal_end before = journal_end(path);
    enum reap_result result = REAP_NOTHING;
    if (!reap->all && before != JOURNAL_OPEN)
        return result;
    if (journal_replay(path, &reader, NULL) < 0) {
        result = REAP_FAILED;
    } else if (runner_alive(&dead)) {
        result = REAP_ALIVE;
    } else {
        result = REAP_DONE;
        end_all(&dead);
        reap->again = reap->reaped.left.n > 0 && reap->reaped.left.n == dead.left_before;
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
    if (flock(*lock, LOCK_SH | LOCK_NB) == 0 || !SAFEGUARD(run_lock))
        return REAP_DONE;
    return errno == EWOULDBLOCK ? REAP_ALIVE : REAP_FAILED;
}

/* What others wrote may name what is not theirs to end. */
static int check_owner(int run)
{
    struct stat st;
    if (fstat(run, &st) < 0)
        return -1;
    if (st.st_uid == geteuid() || !SAFEGUARD(own_runs_only))
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
    return 0;
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
    strv_free(&reap->reaped.left);
}

void reap_describe(const struct reap *reap, struct strbuf *out)
{
    unsigned processes = reap->reaped.processes, cgroups = reap->reaped.cgroups;
    if (processes)
        strbuf_addf(out, "%u process%s", processes, processes == 1 ? "" : "es");
    else if (cgroups)
        strbuf_addf(out, "%u empty cgroup%s", cgroups, cgroups == 1 ? "" : "s");
}

/* ---- at every start ---- */

bool reap_is_owed(const char *path)
{
    enum journal_end end = journal_end(path);
    return end == JOURNAL_OPEN || end == JOURNAL_KEPT;
}

struct sweep {
    const char *run; /* our own */
    uint64_t end_ns;
    void (*tell)(void *data, const char *text);
    void *data;
};

static void tell_left(const struct sweep *sweep, const char *id, const struct strv *left)
{
    for (size_t i = 0; i < left->n; i++) {
        AUTO_FREE char *text = xasprintf("dead run %s left %s", id, left->v[i]);
        sweep->tell(sweep->data, text);
    }
}

static void sweep_run(const struct sweep *sweep, const char *path, const char *id)
{
    struct reap reap = {.by = sweep->run, .end_ns = sweep->end_ns};
    AUTO_STRBUF struct strbuf what = STRBUF_INIT;
    enum reap_result result = reap_run(&reap, path);
    reap_describe(&reap, &what);
    if (what.len) {
        AUTO_FREE char *text = xasprintf("swept what dead run %s left: %s", id, what.buf);
        sweep->tell(sweep->data, text);
    }
    if (result == REAP_FAILED)
        msg(MSG_DEBUG, "cannot sweep what run %s left: %s", id, strerror(errno));
    if (!reap.again)
        tell_left(sweep, id, &reap.reaped.left);
    reap_clear(&reap);
}

static void sweep_list(const struct sweep *sweep, const struct run_list *list, const char *runs)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *id = list->list[i].id;
        AUTO_FREE char *path = xasprintf("%s/%s", runs, id);
        if (strcmp(id, sweep->run) == 0 || journal_end(path) != JOURNAL_OPEN)
            continue;
        if (clock_mono_ns() >= sweep->end_ns) {
            msg(MSG_DEBUG, "not all dead runs could be swept now");
            return;
        }
        sweep_run(sweep, path, id);
    }
}

void reap_dead_runs(const struct rundir *dir, void (*tell)(void *data, const char *text),
                    void *data)
{
    struct sweep sweep = {dir->run, clock_mono_ns() + SWEEP_NS, tell, data};
    struct run_list list = {0};
    AUTO_FREE char *runs = xasprintf("%s/runs", dir->state);
    AUTO_CLOSE int fd = open(runs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !SAFEGUARD(sweep_at_start))
        return;
    run_list_read(&list, fd);
    sweep_list(&sweep, &list, runs);
    run_list_free(&list);
    unsigned empty = SAFEGUARD(nameless_cgroups) ? keeper_reap_empty_cgroups() : 0;
    if (empty)
        msg(MSG_DEBUG, "%u cgroup folders of dead runners were removed", empty);
}
