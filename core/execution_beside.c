/* SPDX-License-Identifier: MIT */
#include "classify.h"
#include "event.h"
#include "executor.h"
#include "plan_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARTIFACTS_NS (600 * NS_PER_S)
#define READY_NS     (10 * NS_PER_S)
#define READY_MS     200

/* --- on_failure --- */

static void on_failure_bytes(void *data, const void *bytes, size_t length)
{
    execution_log(data, CIPLUG_STDERR, bytes, length);
}

static void go_on(struct execution *execution)
{
    if (execution->attempt)
        attempt_go(execution->attempt);
    execution_advance(execution);
}

static void on_failure_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    execution->on_failure = NULL;
    if (status != 0)
        execution_notice(execution, "on_failure did not work: %s", what);
    go_on(execution);
}

static void set_failure_env(struct execution *execution, struct argv *argv, int outcome)
{
    char started[32];
    format_rfc3339(started, sizeof started, execution->result.started_ns);
    AUTO_FREE char *text = xasprintf("CI_OUTCOME=%s", outcome_name(outcome));
    strv_setenv(&argv->env, text);
    AUTO_FREE char *pid = xasprintf("CI_PID=%d", (int)execution->end.pid);
    strv_setenv(&argv->env, pid);
    AUTO_FREE char *since = xasprintf("CI_STARTED=%s", started);
    strv_setenv(&argv->env, since);
}

/* The hand waits: the command has failed or reached its deadline, and nothing was killed yet. */
void beside_held(struct execution *execution)
{
    static const struct side_hooks hooks = {.bytes = on_failure_bytes, .done = on_failure_done};
    const struct step *step = execution->task->step;
    struct ciplug_result provisional = {0};
    AUTO_STRBUF struct strbuf reason = STRBUF_INIT;
    int outcome = classify(step, &execution->end, &provisional, &reason);
    bool failed =
        outcome == CIPLUG_FAILED || outcome == CIPLUG_SIGNALED || outcome == CIPLUG_TIMEOUT;
    bool hurry = execution->executor->rushed && SAFEGUARD(no_time_for_on_failure);
    if (!failed || !step->on_failure.text || execution->on_failure || hurry) {
        if (!execution->on_failure)
            attempt_go(execution->attempt);
        return;
    }
    AUTO_ARGV struct argv argv = ARGV_INIT;
    const char *error = NULL;
    if (launch_side(&execution->launch, step->on_failure.text, &argv, &error) < 0) {
        execution_notice(execution, "on_failure: %s", error);
        attempt_go(execution->attempt);
        return;
    }
    set_failure_env(execution, &argv, outcome);
    execution->on_failure = side_start(execution->executor->hands, &argv, ON_FAILURE_NS,
                                       execution->executor->launcher.mask, &hooks, execution);
    if (!execution->on_failure) {
        execution_notice(execution, "on_failure: %s", strerror(errno));
        attempt_go(execution->attempt);
    }
}

/* --- ready --- */

static void on_ready_due(uv_timer_t *timer);

static void on_ready_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    (void)what;
    execution->ready = NULL;
    if (!execution->attempt || execution->stopped) {
        execution_advance(execution);
        return;
    }
    if (status == 0) {
        uv_timer_stop(&execution->timer);
        execution->executor->hooks.ready(execution->executor->data, execution);
        return;
    }
    uv_timer_start(&execution->ready_timer, on_ready_due, READY_MS, 0);
}

static void on_ready_due(uv_timer_t *timer)
{
    static const struct side_hooks hooks = {.done = on_ready_done};
    struct execution *execution = timer->data;
    if (!execution->attempt || execution->stopped)
        return;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    const char *error = NULL;
    if (launch_side(&execution->launch, execution->task->step->ready.text, &argv, &error) == 0)
        execution->ready = side_start(execution->executor->hands, &argv, READY_NS,
                                      execution->executor->launcher.mask, &hooks, execution);
    /* Out of descriptors or processes: the next look may find some. */
    if (!execution->ready)
        uv_timer_start(&execution->ready_timer, on_ready_due, READY_MS, 0);
}

void beside_watch_ready(struct execution *execution)
{
    if (execution->task->step->ready.text)
        uv_timer_start(&execution->ready_timer, on_ready_due, 0, 0);
}

/* --- artifacts --- */

static void artifacts_lost(struct execution *execution, const char *why)
{
    execution_notice(execution, "artifacts could not be copied: %s", why);
    execution->executor->hooks.incomplete(execution->executor->data);
}

static void on_artifacts_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    execution->artifacts = NULL;
    execution->artifacts_done = true;
    if (status != 0 && status != CIPLUG_NO_PLACE)
        artifacts_lost(execution, what);
    execution_advance(execution);
}

/* cp --parents would follow them out of the run's folder. */
static bool leads_out(const char *pattern)
{
    for (const char *p = pattern; (p = strstr(p, "..")); p += 2) {
        if ((p == pattern || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return true;
    }
    return *pattern == '/';
}

/* cp gets their names as arguments, which everybody on the machine can read. */
static void leave_out_secrets(struct execution *execution, struct strv *found)
{
    AUTO_STRV struct strv all = *found;
    *found = (struct strv)STRV_INIT;
    for (size_t i = 0; i < all.n; i++) {
        if (SAFEGUARD(secrets_in_argv) &&
            plan_holds_secret(execution->executor->launcher.plan, all.v[i]))
            execution_notice(execution, "artifacts: %s has a secret in its name and is left out",
                             all.v[i]);
        else
            strv_push(found, all.v[i]);
    }
}

/* 0, or -1 with *error (the caller's). */
static int find_artifacts(struct execution *execution, struct strv *found, char **error)
{
    const char *why = NULL;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    AUTO_STRV struct strv patterns = STRV_INIT;
    if (launch_expand(&execution->launch, &text, execution->task->step->artifacts.text, EXPAND_TEXT,
                      &why) < 0 ||
        argv_split(&patterns, strbuf_text(&text), &why) < 0) {
        *error = xstrdup(why);
        return -1;
    }
    for (size_t i = 0; i < patterns.n; i++) {
        if (leads_out(patterns.v[i]) && SAFEGUARD(artifacts_inside))
            execution_notice(execution,
                             "artifacts: %s leads out of the command's folder and is left out",
                             patterns.v[i]);
        else if (plan_glob(execution->launch.argv.cwd, patterns.v[i], found, error) < 0)
            return -1;
    }
    leave_out_secrets(execution, found);
    return 0;
}

/* cp, in the command's folder: it knows about links, modes, times and sparse files. */
static void copy_argv(const struct execution *execution, const struct strv *found,
                      const char *folder, struct argv *argv)
{
    static const char *const words[] = {"cp", "-R", "-p", "--parents", "-t"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        strv_push(&argv->words, words[i]);
    strv_push(&argv->words, folder);
    strv_push(&argv->words, "--");
    strv_copy(&argv->words, found);
    argv->cwd = xstrdup(execution->launch.argv.cwd);
}

/* From a place that is not here. false: nothing fetches them, so they are looked for here. */
static bool fetch_artifacts(struct execution *execution, const struct side_hooks *hooks)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    AUTO_STRV struct strv patterns = STRV_INIT, inside = STRV_INIT;
    const char *why = NULL;
    int found = -1;
    if (launch_expand(&execution->launch, &text, execution->task->step->artifacts.text, EXPAND_TEXT,
                      &why) < 0 ||
        argv_split(&patterns, strbuf_text(&text), &why) < 0) {
        artifacts_lost(execution, why);
        return true;
    }
    for (size_t i = 0; i < patterns.n; i++) {
        if (plan_holds_secret(execution->executor->launcher.plan, patterns.v[i]))
            execution_notice(execution, "artifacts: a pattern has a secret in it and is left out");
        else
            strv_push(&inside, patterns.v[i]);
    }
    AUTO_FREE char *folder = NULL;
    execution->artifacts = far_fetch(execution, "artifacts", &inside, hooks, &folder, &found);
    if (found != 0 && !execution->artifacts)
        artifacts_lost(execution,
                       found < 0 ? "its builder has no command for that" : strerror(errno));
    return found != 0;
}

bool beside_artifacts(struct execution *execution)
{
    static const struct side_hooks hooks = {.done = on_artifacts_done};
    const struct task *task = execution->task;
    execution->artifacts_done = true;
    if (!task->step->artifacts.text)
        return true;
    if (execution->launch.command.fetches && fetch_artifacts(execution, &hooks))
        return !execution->artifacts;
    AUTO_STRV struct strv found = STRV_INIT;
    AUTO_FREE char *error = NULL;
    if (find_artifacts(execution, &found, &error) < 0) {
        artifacts_lost(execution, error);
        return true;
    }
    if (found.n == 0)
        return true;
    AUTO_FREE char *folder = rundir_kept(execution->executor->dir, "artifacts", task->step->name,
                                         task->number, task->attempt);
    AUTO_ARGV struct argv argv = ARGV_INIT;
    if (folder) {
        copy_argv(execution, &found, folder, &argv);
        execution->artifacts = side_start(execution->executor->hands, &argv, ARTIFACTS_NS,
                                          execution->executor->launcher.mask, &hooks, execution);
    }
    if (!execution->artifacts)
        artifacts_lost(execution, strerror(errno));
    return !execution->artifacts;
}
