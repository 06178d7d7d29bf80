/* SPDX-License-Identifier: MIT
 *
 * `results`: the JUnit files of a command are found, brought here, read by a process of their own
 * (results_reader.h) and judged. A file is the command's only when it is not as it was before the
 * command started, and when no other command of the run has had it.
 *
 * So what is there is looked at before, and where something is, the command starts only when the
 * clock that stamps files has gone on: what is written again then differs. Here that is a tick;
 * tar, which brings them from elsewhere, knows whole seconds. Where nobody can look, as in a
 * container that is yet to be made, a file is older when its second is.
 */
#include "classify.h"
#include "executor.h"
#include "plan_internal.h"
#include "results_reader.h"
#include "resume.h"
#include "safeguard.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_NS (60 * NS_PER_S)
/* How far the clock of another machine may be behind ours. */
#define SKEW_NS     (60 * NS_PER_S)
#define BEFORE      "results-before" /* folders of the run */
#define NOW         "results"
#define TICK_MS     20 /* more than two ticks of a kernel with 100 Hz */
#define SECOND_MS   1000
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

/* Files below `folder`; once the command has ended each pattern has to find one. In what was
 * fetched names are relative. */
static void find_files(struct execution *execution, const char *folder, bool fetched,
                       struct results *results, struct strv *found)
{
    struct collecting *collecting = &execution->collecting;
    const struct strv *patterns = &collecting->patterns;
    for (size_t i = 0; i < patterns->n; i++) {
        const char *pattern = patterns->v[i];
        AUTO_FREE char *error = NULL;
        size_t before = found->n;
        while (fetched && *pattern == '/')
            pattern++;
        bool seen = plan_glob_all(folder, pattern, found, &error) == 0;
        collecting->blind |= !collecting->looked && !seen;
        if (!seen)
            results_refuse(results, "%s", error);
        else if (found->n == before && collecting->looked)
            results_refuse(results, "no file matches %s", patterns->v[i]);
    }
    /* They are arguments of the reader, which everybody on the machine can see. */
    for (size_t i = 0; i < found->n; i++) {
        if (plan_holds_secret(execution->executor->launcher.plan, found->v[i]))
            results_refuse(results, "a file has a secret in its name");
    }
    strv_sort_once(found);
}

/* ---- reading ---- */

static void on_apart(uv_timer_t *timer)
{
    execution_begin(timer->data);
}

/* Until what is written differs from what was there. */
static uint64_t apart_ms(const struct execution *execution)
{
    const struct collecting *collecting = &execution->collecting;
    bool seconds = execution->launch.command.fetches;
    if (collecting->blind)
        return SECOND_MS - clock_wall_ns() % NS_PER_S / NS_PER_MS + TICK_MS;
    for (size_t i = 0; i < collecting->before.n_files; i++)
        seconds |= collecting->before.files[i].ctime_ns % NS_PER_S == 0;
    return collecting->before.n_files == 0 ? 0 : seconds ? SECOND_MS : TICK_MS;
}

/* What was there before is known, as far as it can be. false: it comes back through
 * execution_begin(). */
static bool may_begin(struct execution *execution)
{
    uint64_t wait_ms = apart_ms(execution);
    execution->collecting.looked = true;
    if (wait_ms > 0)
        uv_timer_start(&execution->timer, on_apart, wait_ms, 0);
    return wait_ms == 0;
}

static void go_on(struct execution *execution)
{
    if (execution->collecting.looked || execution->stopped) {
        execution->collecting.looked = true;
        execution_advance(execution);
    } else if (may_begin(execution)) {
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
    if (!collecting->looked && collecting->folder)
        drop_folder(collecting);
    go_on(execution);
}

static void start_reader(struct execution *execution, const char *folder, const struct strv *files)
{
    static const struct side_hooks hooks = {.bytes = on_reader_bytes, .done = on_read};
    AUTO_ARGV struct argv argv = ARGV_INIT;
    uint64_t limit = execution->executor->rushed ? RUSHED_NS : READ_NS;
    strv_push(&argv.words, "/proc/self/exe");
    strv_push(&argv.words, RESULTS_READER);
    strv_copy(&argv.words, files);
    argv.cwd = xstrdup(folder);
    execution->collecting.side = side_start(execution->executor->hands, &argv, limit,
                                            execution->executor->launcher.mask, &hooks, execution);
    if (execution->collecting.side)
        return;
    results_refuse(current(execution), "they cannot be read: %s", strerror(errno));
    execution->collecting.blind |= !execution->collecting.looked;
}

static void read_here(struct execution *execution)
{
    AUTO_STRV struct strv found = STRV_INIT;
    const char *folder = execution->launch.argv.cwd;
    find_files(execution, folder, false, current(execution), &found);
    if (found.n > 0)
        start_reader(execution, folder, &found);
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
    /* The place is wanted afterwards. */
    execution->launch.command.fetches += !collecting->looked;
    collecting->side =
        far_fetch(execution, kind, &collecting->patterns, &hooks, &collecting->folder, &found);
    collecting->blind |= found != 0 && !collecting->side && !collecting->looked;
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
    if (wanted && find_patterns(execution, &collecting->before) == 0 &&
        (!execution->launch.command.fetches || !fetch(execution, BEFORE)))
        read_here(execution);
    if (collecting->side)
        return false;
    return may_begin(execution);
}

void results_since(struct execution *execution)
{
    execution->collecting.since_ns = clock_wall_ns();
}

/* ---- whether they are its own ---- */

/* What was fetched is a copy: here it has an inode and a ctime of its own. */
static bool is_same(const struct results_file *a, const struct results_file *b, bool fetched)
{
    return strcmp(a->name, b->name) == 0 && a->size == b->size && a->mtime_ns == b->mtime_ns &&
           a->hash == b->hash && (fetched || (a->inode == b->inode && a->ctime_ns == b->ctime_ns));
}

static bool was_there(const struct execution *execution, const struct results_file *file)
{
    const struct results *before = &execution->collecting.before;
    bool fetched = execution->launch.command.fetches;
    for (size_t i = 0; i < before->n_files; i++) {
        if (is_same(&before->files[i], file, fetched))
            return true;
    }
    return false;
}

static bool is_old(const struct execution *execution, const struct results_file *file)
{
    const struct collecting *collecting = &execution->collecting;
    if (!SAFEGUARD(results_are_new))
        return false;
    if (was_there(execution, file))
        return true;
    if (!collecting->blind)
        return false;
    const struct plan *plan = execution->executor->launcher.plan;
    bool here = plan_slot_host(plan, execution->task->slot) == &plan->hosts[PLACE_LOCAL];
    uint64_t stamp = file->mtime_ns + (here ? 0 : SKEW_NS);
    return stamp / NS_PER_S < collecting->since_ns / NS_PER_S;
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
        const struct results_owner *owner =
            results_take(&execution->executor->taken, identity(execution, file), task->step->name,
                         task->number, task->attempt);
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
    return outcome == CIPLUG_PASSED || outcome == CIPLUG_FAILED || outcome == CIPLUG_SKIPPED;
}

bool results_collected(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    collecting->collected = true;
    if (!wants_reading(execution)) {
        /* So one is all that comes. */
        if (execution->launch.command.fetches > 1)
            execution->launch.command.fetches = 1;
        return true;
    }
    collecting->read = true;
    if (find_patterns(execution, &collecting->now) < 0)
        return true;
    if (execution->launch.command.fetches && fetch(execution, NOW))
        return !collecting->side;
    read_here(execution);
    return !collecting->side;
}

static void say(struct execution *execution, const char *text)
{
    strbuf_addf(&execution->reason, "%s%s", execution->reason.len ? "; " : "", text);
}

static void judge_whole(struct execution *execution)
{
    const struct results *results = &execution->collecting.now;
    const struct results_sum *all = results_sum(results, RESULTS_ALL);
    struct ciplug_result *result = &execution->result;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    if (all->outcome == CIPLUG_FAILED) {
        strbuf_addstr(&text, result->outcome == CIPLUG_PASSED    ? "exit code 0, but "
                             : result->outcome == CIPLUG_SKIPPED ? "but "
                                                                 : "");
        results_say_bad(results, RESULTS_ALL, &text);
        result->outcome = SAFEGUARD(results_count) ? CIPLUG_FAILED : result->outcome;
    } else if (all->outcome == CIPLUG_SKIPPED && result->outcome == CIPLUG_PASSED) {
        strbuf_addf(&text, "all %" PRIu64 " cases were skipped", all->skipped);
        result->outcome = CIPLUG_SKIPPED;
    }
    if (text.len)
        say(execution, text.buf);
}

/* A failure that no case explains, or one that belongs to no item, says nothing of the items. */
static bool tells_of_items(const struct execution *execution)
{
    const struct results *results = &execution->collecting.now;
    /* Nor does what a command left behind, where that is a failure. */
    bool leaked = (execution->result.flags & CIPLUG_FLAG_LEAKED) &&
                  execution->task->step->on_leak == ON_LEAK_FAIL;
    return results_sum(results, RESULTS_NO_UNIT)->bad == 0 && !leaked &&
           (results_sum(results, RESULTS_ALL)->bad > 0 ||
            execution->result.outcome == CIPLUG_PASSED);
}

static void judge_items(struct execution *execution)
{
    struct collecting *collecting = &execution->collecting;
    size_t n = execution->task->n_units;
    collecting->verdicts = xcalloc(n, sizeof *collecting->verdicts);
    for (size_t i = 0; i < n; i++)
        collecting->verdicts[i].ending.outcome = results_sum(&collecting->now, i)->outcome;
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
    bool skipped = result->outcome == CIPLUG_SKIPPED;
    bool told = skipped || result->outcome == CIPLUG_PASSED || result->outcome == CIPLUG_FAILED;
    if (!collecting->read || !told)
        return;
    check_files(execution);
    /* What was skipped need not have written anything. */
    if (skipped && (results->problem || results->n_cases == 0))
        return;
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
    /* What they printed together cannot be taken apart for those who read it as items. */
    bool source = resume_is_source(execution->executor->launcher.plan, execution->task->step);
    bool items = n > 1 && !source && !results->partial && tells_of_items(execution);
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
