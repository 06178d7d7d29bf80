/* SPDX-License-Identifier: MIT
 *
 * `results`: the JUnit files of a command are found, brought here, read by a process of their own
 * (results_reader.h) and judged. A file is the command's only when it cannot be older than its
 * attempt, and when no other command of the run has had it.
 *
 * Here the kernel's own stamp tells that (ctime; nothing sets it back, neither cp -p nor tar). At
 * another place clocks are not ours, and tar stamps whole seconds. So what is there is looked at
 * before the command starts, and where something is, it starts only when a second has gone by: what
 * it writes then differs.
 */
#include "classify.h"
#include "executor.h"
#include "plan_internal.h"
#include "results_reader.h"
#include "safeguard.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READ_NS (60 * NS_PER_S)
/* How far the clock of another machine may be behind ours. */
#define SKEW_NS     (60 * NS_PER_S)
#define BEFORE      "results-before" /* folders of the run */
#define NOW         "results"
#define APART_MS    1000
#define PLACE_LOCAL 0 /* the first host of the table */

/* ---- what is wanted ---- */

/* Split before placeholders are expanded: an item with blanks is one word. */
static int find_patterns(struct execution *execution, struct results *results)
{
    struct collecting *collecting = &execution->collecting;
    AUTO_STRV struct strv words = STRV_INIT;
    const char *why = NULL;
    strv_clear(&collecting->patterns);
    if (argv_split(&words, execution->task->step->results.text, &why) < 0) {
        results_refuse(results, "%s", why);
        return -1;
    }
    for (size_t i = 0; i < words.n; i++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        if (launch_expand(&execution->launch, &text, words.v[i], EXPAND_TEXT, &why) < 0)
            results_refuse(results, "%s", why);
        else if (plan_holds_secret(execution->executor->launcher.plan, strbuf_text(&text)))
            results_refuse(results, "a pattern has a secret in it");
        strv_push(&collecting->patterns, strbuf_text(&text));
    }
    return results->problem ? -1 : 0;
}

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort_once(struct strv *names)
{
    size_t n = 0;
    if (names->n > 1)
        qsort(names->v, names->n, sizeof *names->v, by_bytes);
    for (size_t i = 0; i < names->n; i++) {
        if (n > 0 && strcmp(names->v[n - 1], names->v[i]) == 0)
            free(names->v[i]);
        else
            names->v[n++] = names->v[i];
    }
    names->n = n;
    if (names->v)
        names->v[n] = NULL;
}

/* Files below `folder`; each pattern has to find one. In what was fetched names are relative. */
static void find_files(const struct execution *execution, const char *folder, bool fetched,
                       struct results *results, struct strv *found)
{
    const struct strv *patterns = &execution->collecting.patterns;
    for (size_t i = 0; i < patterns->n; i++) {
        const char *pattern = patterns->v[i];
        AUTO_FREE char *error = NULL;
        size_t before = found->n;
        while (fetched && *pattern == '/')
            pattern++;
        if (plan_glob(folder, pattern, found, &error) < 0)
            results_refuse(results, "%s", error);
        else if (found->n == before)
            results_refuse(results, "no file matches %s", patterns->v[i]);
    }
    /* They are arguments of the reader, which everybody on the machine can see. */
    for (size_t i = 0; i < found->n; i++) {
        if (plan_holds_secret(execution->executor->launcher.plan, found->v[i]))
            results_refuse(results, "a file has a secret in its name");
    }
    sort_once(found);
}

/* ---- reading ---- */

static void on_apart(uv_timer_t *timer)
{
    execution_begin(timer->data);
}

static void go_on(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    if (collecting->looked) {
        execution_advance(execution);
        return;
    }
    collecting->looked = true;
    if (execution->stopped) {
        execution_advance(execution);
    } else if (collecting->before.n_files > 0) {
        uv_timer_start(&execution->timer, on_apart, APART_MS, 0);
    } else {
        execution_begin(execution);
    }
}

static struct results *current(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    return collecting->looked ? &collecting->now : &collecting->before;
}

/* What was only looked at. */
static void drop_folder(struct collecting *collecting)
{
    AUTO_FREE char *copy = xstrdup(collecting->folder);
    char *name = strrchr(copy, '/');
    *name++ = '\0';
    AUTO_CLOSE int parent = open(copy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (parent >= 0)
        (void)tree_remove(parent, name);
}

static void on_reader_bytes(void *data, const void *bytes, size_t length)
{
    results_feed(current(data), bytes, length);
}

static void on_read(void *data, int status, const char *what)
{
    struct execution *execution = data;
    struct collecting *collecting = &execution->collecting;
    collecting->side = NULL;
    results_end(current(execution), status, what);
    collecting->blind |= !collecting->looked && !collecting->before.ended;
    if (!collecting->looked)
        drop_folder(collecting);
    go_on(execution);
}

static void start_reader(struct execution *execution, const char *folder, const struct strv *files)
{
    static const struct side_hooks hooks = {.bytes = on_reader_bytes, .done = on_read};
    AUTO_ARGV struct argv argv = ARGV_INIT;
    strv_push(&argv.words, "/proc/self/exe");
    strv_push(&argv.words, RESULTS_READER);
    strv_copy(&argv.words, files);
    argv.cwd = xstrdup(folder);
    execution->collecting.side = side_start(execution->executor->hands, &argv, READ_NS,
                                            execution->executor->launcher.mask, &hooks, execution);
    if (!execution->collecting.side)
        results_refuse(current(execution), "they cannot be read: %s", strerror(errno));
}

/* ---- from another place ---- */

static void on_fetched(void *data, int status, const char *what)
{
    struct execution *execution = data;
    struct collecting *collecting = &execution->collecting;
    struct results *results = current(execution);
    AUTO_STRV struct strv found = STRV_INIT, all = STRV_INIT;
    collecting->side = NULL;
    if (status != 0)
        results_refuse(results, "they could not be fetched: %s", what);
    else
        find_files(execution, collecting->folder, true, results, &found);
    strv_push(&all, ".");
    if (status == 0 && found.n > 0)
        start_reader(execution, collecting->folder, &all);
    if (collecting->side)
        return;
    collecting->blind |= !collecting->looked && status != 0;
    if (!collecting->looked)
        drop_folder(collecting);
    go_on(execution);
}

/* Whether something fetches them: then it was started, or the reason why not is in the results. */
static bool fetch(struct execution *execution, const char *kind)
{
    static const struct side_hooks hooks = {.done = on_fetched};
    struct collecting *collecting = &execution->collecting;
    int found = -1;
    free(collecting->folder);
    collecting->folder = NULL;
    collecting->side =
        far_fetch(execution, kind, &collecting->patterns, &hooks, &collecting->folder, &found);
    if (found != 0 && !collecting->side)
        results_refuse(current(execution), "they cannot be fetched: %s",
                       found < 0 ? "its builder has no command for that" : strerror(errno));
    return found != 0;
}

bool results_looked(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    if (collecting->looked || collecting->side)
        return !collecting->side;
    bool wanted = execution->task->step->results.text && SAFEGUARD(results_are_new);
    if (!wanted || !execution->launch.command.fetches ||
        find_patterns(execution, &collecting->before) < 0 || !fetch(execution, BEFORE) ||
        !collecting->side) {
        collecting->looked = true;
        return true;
    }
    return false;
}

void results_since(struct execution *execution)
{
    struct timespec now;
    /* The clock that stamps files. */
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    execution->collecting.since_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- whether they are its own ---- */

/* Some filesystems stamp whole seconds. */
static bool is_since(uint64_t stamp_ns, uint64_t since_ns)
{
    if (stamp_ns % NS_PER_S == 0)
        since_ns -= since_ns % NS_PER_S;
    return stamp_ns >= since_ns;
}

static bool was_there(const struct results *before, const struct results_file *file)
{
    for (size_t i = 0; i < before->n_files; i++) {
        const struct results_file *old = &before->files[i];
        if (strcmp(old->name, file->name) == 0 && old->size == file->size &&
            old->mtime_ns == file->mtime_ns && old->hash == file->hash)
            return true;
    }
    return false;
}

static bool is_old(const struct execution *execution, const struct results_file *file)
{
    const struct collecting *collecting = &execution->collecting;
    if (!SAFEGUARD(results_are_new))
        return false;
    if (!execution->launch.command.fetches)
        return !is_since(file->ctime_ns, collecting->since_ns);
    if (!collecting->blind)
        return was_there(&collecting->before, file);
    const struct plan *plan = execution->executor->launcher.plan;
    bool here = plan_slot_host(plan, execution->task->slot) == &plan->hosts[PLACE_LOCAL];
    return !is_since(file->mtime_ns + (here ? 0 : SKEW_NS), collecting->since_ns);
}

static uint64_t identity(const struct execution *execution, const struct results_file *file)
{
    uint64_t hash = HASH_START;
    const uint64_t here[] = {file->inode, file->ctime_ns, file->size};
    const uint64_t there[] = {execution->task->slot, file->mtime_ns, file->size, file->hash};
    if (!execution->launch.command.fetches)
        return hash_bytes(hash, here, sizeof here);
    return hash_bytes(hash_bytes(hash, there, sizeof there), file->name, strlen(file->name));
}

static void check_files(struct execution *execution)
{
    struct results *results = &execution->collecting.now;
    const struct task *task = execution->task;
    for (size_t i = 0; i < results->n_files; i++) {
        const struct results_file *file = &results->files[i];
        if (is_old(execution, file)) {
            results_refuse(results, "%s was there before, and was not written again", file->name);
            continue;
        }
        const struct results_owner *owner = results_take(
            &execution->executor->taken, identity(execution, file), task->step->name, task->number);
        if (owner && SAFEGUARD(results_are_own))
            results_refuse(results,
                           "%s was written by command %u of %s: give each command a name of its "
                           "own, as by {number}",
                           file->name, (unsigned)owner->number, owner->step);
    }
}

/* ---- the verdict ---- */

/* Whether it ended in a way in which it has written them. */
static bool wants_reading(struct execution *execution)
{
    AUTO_STRBUF struct strbuf reason = STRBUF_INIT;
    struct ciplug_result result = {0};
    if (!execution->task->step->results.text || !execution->attempt_done ||
        execution->start_timed_out || execution->end.unread)
        return false;
    int outcome = classify(execution->task->step, &execution->end, &result, &reason);
    return outcome == CIPLUG_PASSED || outcome == CIPLUG_FAILED;
}

bool results_collected(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    collecting->collected = true;
    if (!wants_reading(execution))
        return true;
    collecting->read = true;
    if (find_patterns(execution, &collecting->now) < 0)
        return true;
    if (execution->launch.command.fetches && fetch(execution, NOW))
        return !collecting->side;
    AUTO_STRV struct strv found = STRV_INIT;
    const char *folder = execution->launch.argv.cwd;
    find_files(execution, folder, false, &collecting->now, &found);
    if (found.n > 0 && !collecting->now.problem)
        start_reader(execution, folder, &found);
    return !collecting->side;
}

static void say(struct execution *execution, const char *text)
{
    strbuf_addf(&execution->reason, "%s%s", execution->reason.len ? "; " : "", text);
}

static void judge_whole(struct execution *execution)
{
    const struct results *results = &execution->collecting.now;
    struct ciplug_result *result = &execution->result;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    size_t bad = 0, skipped = 0;
    for (size_t i = 0; i < results->n_cases; i++) {
        int32_t outcome = results->cases[i].test.outcome;
        bad += outcome == CIPLUG_FAILED || outcome == CIPLUG_ERROR;
        skipped += outcome == CIPLUG_SKIPPED;
    }
    if (bad > 0) {
        strbuf_addstr(&text, result->outcome == CIPLUG_PASSED ? "exit code 0, but " : "");
        results_say_bad(results, RESULTS_NO_UNIT, true, &text);
        result->outcome = SAFEGUARD(results_count) ? CIPLUG_FAILED : result->outcome;
    } else if (skipped == results->n_cases && result->outcome == CIPLUG_PASSED) {
        strbuf_addf(&text, "all %zu cases were skipped", skipped);
        result->outcome = CIPLUG_SKIPPED;
    }
    if (text.len)
        say(execution, text.buf);
}

/* A failure that no case explains, or one that belongs to no item, says nothing of the items. */
static bool tells_of_items(const struct execution *execution)
{
    const struct results *results = &execution->collecting.now;
    struct results_sum none, some;
    size_t bad = 0;
    results_sum(results, RESULTS_NO_UNIT, &none);
    for (size_t i = 0; i < execution->task->n_units; i++) {
        results_sum(results, i, &some);
        bad += some.bad;
    }
    return none.bad == 0 && (bad > 0 || execution->result.outcome == CIPLUG_PASSED);
}

static void judge_items(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    size_t n = execution->task->n_units;
    collecting->verdicts = xcalloc(n, sizeof *collecting->verdicts);
    for (size_t i = 0; i < n; i++) {
        struct results_sum sum;
        results_sum(&collecting->now, i, &sum);
        collecting->verdicts[i].ending.outcome = sum.outcome;
    }
}

static const char *const *items_of(const struct execution *execution)
{
    const struct launch *launch = &execution->launch;
    bool raw = launch->items.n == execution->task->n_units;
    return (const char *const *)(raw ? launch->items.v : launch->names.v);
}

void results_judge(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    struct results *results = &collecting->now;
    struct ciplug_result *result = &execution->result;
    size_t n = execution->task->n_units;
    bool told = result->outcome == CIPLUG_PASSED || result->outcome == CIPLUG_FAILED;
    if (!collecting->read || !told)
        return;
    check_files(execution);
    if (results->n_cases == 0)
        results_refuse(results, "there is no case in them");
    if (results->problem && SAFEGUARD(results_are_whole)) {
        AUTO_FREE char *text = xasprintf("results: %s", results->problem);
        say(execution, text);
        if (result->outcome == CIPLUG_PASSED)
            result->outcome = CIPLUG_ERROR;
        return;
    }
    results_match(results, n > 1 ? items_of(execution) : NULL, n > 1 ? n : 0);
    bool items = n > 1 && tells_of_items(execution);
    judge_whole(execution);
    if (items)
        judge_items(execution);
}

void results_kill(struct execution *execution)
{
    if (execution->collecting.side)
        side_kill(execution->collecting.side);
}

void results_forget(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    results_free(&collecting->before);
    results_free(&collecting->now);
    strv_free(&collecting->patterns);
    free(collecting->folder);
    free(collecting->verdicts);
}
