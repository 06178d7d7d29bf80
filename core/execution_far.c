/* SPDX-License-Identifier: MIT
 *
 * What a command needs whose place is not here: looking whether the place still answers, saving
 * what explains a failure, ending what no guard has confirmed to be gone, fetching artifacts. All
 * of it by commands of its builders, beside the run.
 */
#include "classify.h"
#include "event.h"
#include "executor.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With these, a place that has fallen silent is lost after less than 20 s. */
#define PROBE_MS    8000 /* of silence */
#define AGAIN_MS    300
#define PROBE_NS    (4 * NS_PER_S)
#define NEXT_NS     (3 * NS_PER_S) /* of those that follow one that failed */
#define PROBES      3              /* that fail in a row: the place is lost */
#define ASK_NS      (10 * NS_PER_S)
#define EVIDENCE_NS (30 * NS_PER_S)
#define STOP_NS     (30 * NS_PER_S)
#define REASON_MAX  600
#define FETCH_NS    (600 * NS_PER_S)

static struct side *start_side(struct execution *execution, const struct argv *argv,
                               uint64_t limit_ns, const struct side_hooks *hooks)
{
    return side_start(execution->executor->hands, argv, limit_ns,
                      execution->executor->launcher.mask, hooks, execution);
}

static bool is_far(const struct execution *execution)
{
    return execution->launch.command.env != NULL;
}

void far_quiet(struct execution *execution)
{
    uv_timer_stop(&execution->far.probe);
    if (execution->far.alive)
        side_kill(execution->far.alive);
}

bool far_busy(const struct execution *execution)
{
    const struct far *far = &execution->far;
    return far->evidence || far->stop || far->alive || far->ask || far->file;
}

void far_kill(struct execution *execution)
{
    struct far *far = &execution->far;
    struct side *all[] = {far->evidence, far->stop, far->alive, far->ask};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (all[i])
            side_kill(all[i]);
    }
}

/* ---- does the place answer? ---- */

static void on_probe(uv_timer_t *timer);

static void on_alive_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    struct far *far = &execution->far;
    far->alive = NULL;
    if (!execution->attempt) {
        /* Or it is waiting to be started once more; `slow` has the same timer. */
        if (execution->attempt_done || !uv_is_active((uv_handle_t *)&execution->timer))
            execution_advance(execution);
        return;
    }
    far->unanswered = status == 0 ? 0 : far->unanswered + 1;
    far->silent = status != 0 && (status < 0 || far->deciding);
    if (far->unanswered > 0)
        uv_timer_start(&far->probe, on_probe, AGAIN_MS, PROBE_MS);
    if (far->unanswered < PROBES || execution->stopped)
        return;
    far->lost = xasprintf("its place does not answer: %s", what);
    execution_notice(execution, "%s", far->lost);
    uv_timer_stop(&far->probe);
    attempt_kill(execution->attempt);
}

/* Where one container says nothing, the last question is for its engine. */
static int probe(struct execution *execution, struct argv *argv)
{
    struct far *far = &execution->far;
    struct launch *launch = &execution->launch;
    int found = 0;
    far->deciding = false;
    if (far->silent && far->unanswered == PROBES - 1) {
        launch->asked = 0;
        found = launch_beside(launch, LAUNCH_REACH, NULL, NULL, argv);
        far->deciding = found > 0;
    }
    return found ? found : launch_beside(launch, LAUNCH_ALIVE, NULL, NULL, argv);
}

static void on_probe(uv_timer_t *timer)
{
    static const struct side_hooks hooks = {.steady = true, .done = on_alive_done};
    struct execution *execution = timer->data;
    struct far *far = &execution->far;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    if (!execution->attempt || far->alive)
        return;
    if (far->heard) {
        far->heard = false;
        far->unanswered = 0;
        return;
    }
    if (SAFEGUARD(places_are_probed) && probe(execution, &argv) > 0)
        far->alive =
            start_side(execution, &argv, far->unanswered == 1 ? NEXT_NS : PROBE_NS, &hooks);
}

void far_watch(struct execution *execution)
{
    if (is_far(execution) && !uv_is_active((uv_handle_t *)&execution->far.probe))
        uv_timer_start(&execution->far.probe, on_probe, PROBE_MS, PROBE_MS);
}

/* ---- evidence ---- */

/* Lines with "! " in front are for the reason. */
static void take_reasons(struct far *far, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n') {
            if (far->line.len < REASON_MAX)
                strbuf_addch(&far->line, text[i]);
            continue;
        }
        if (str_starts(strbuf_text(&far->line), "! ") && far->reasons.len < REASON_MAX)
            strbuf_addf(&far->reasons, "; %s", far->line.buf + 2);
        strbuf_clear(&far->line);
    }
}

static void on_evidence_bytes(void *data, const void *bytes, size_t length)
{
    struct execution *execution = data;
    struct far *far = &execution->far;
    AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
    mask_feed(&far->mask, bytes, length, &clear);
    logfile_write(far->file, strbuf_text(&clear), clear.len);
    take_reasons(far, strbuf_text(&clear), clear.len);
}

static void on_evidence_closed(void *data, uint64_t total, int error)
{
    struct execution *execution = data;
    struct far *far = &execution->far;
    far->file = NULL;
    if (error)
        execution_notice(execution, "the evidence is not whole: %s", strerror(error));
    if (total == 0) {
        (void)unlink(far->path);
        free(far->path);
        far->path = NULL;
    }
    execution_advance(execution);
}

static void on_evidence_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    struct far *far = &execution->far;
    AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
    far->evidence = NULL;
    if (status != 0)
        execution_notice(execution, "what explains it could not all be saved: %s", what);
    mask_end(&far->mask, &rest);
    strbuf_addch(&rest, '\n');
    take_reasons(far, rest.buf, rest.len);
    logfile_write(far->file, rest.buf, rest.len - 1);
    logfile_close(far->file, on_evidence_closed, execution);
}

/* And what is known of its end so far. */
static bool wants_evidence(const struct execution *execution, struct ciplug_result *result)
{
    AUTO_STRBUF struct strbuf reason = STRBUF_INIT;
    if (!execution->attempt_done || execution->stopped || execution->executor->rushed)
        return false;
    result->outcome = classify(execution->task->step, &execution->end, result, &reason);
    if (execution->far.lost)
        result->outcome = CIPLUG_ERROR;
    return result->outcome != CIPLUG_PASSED && result->outcome != CIPLUG_SKIPPED &&
           result->outcome != CIPLUG_CANCELLED;
}

/* Whether it runs now. */
static bool begin_evidence(struct execution *execution)
{
    static const struct side_hooks hooks = {.bytes = on_evidence_bytes, .done = on_evidence_done};
    struct executor *executor = execution->executor;
    const struct task *task = execution->task;
    struct far *far = &execution->far;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    struct ciplug_result result = execution->result;
    if (!wants_evidence(execution, &result) ||
        launch_beside(&execution->launch, LAUNCH_EVIDENCE, &result, NULL, &argv) <= 0)
        return false;
    int fd = rundir_log(executor->dir, task->step->name, task->number, task->attempt, "evidence",
                        &far->path);
    if (fd < 0) {
        execution_notice(execution, "what explains it cannot be saved: %s", strerror(errno));
        return false;
    }
    far->mask.mask = executor->launcher.mask;
    far->file = logfile_new(executor->logwriter, fd, NULL, NULL);
    far->evidence = start_side(execution, &argv, EVIDENCE_NS, &hooks);
    if (!far->evidence)
        on_evidence_done(execution, -1, strerror(errno));
    return true;
}

/* ---- ending it where it runs ---- */

static void on_stop_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    struct far *far = &execution->far;
    far->stop = NULL;
    far->stopped = status == 0;
    far->left = status != 0;
    /* It answered when it was asked, and does not any more: once more. */
    far->ask_tried = status == 0;
    if (status == 0) {
        strbuf_addf(&far->ending, "; no guard confirmed its end: %s", what);
    } else {
        strbuf_addf(&far->ending, "; it may still run at its place: %s", what);
    }
    execution_notice(execution, "%s", far->ending.buf + 2);
    execution_advance(execution);
}

/* Without a guard there is only the client's exit code; these are those of clients that failed
 * themselves, 125 of docker and 255 of a connection that broke off. */
static bool client_failed(const struct execution *execution)
{
    const struct attempt_end *end = &execution->end;
    return is_far(execution) && execution->attempt_done && !end->guarded && !end->refused &&
           !end->lost && end->ended == HAND_ENDED_ITSELF && end->code == CLD_EXITED &&
           (end->status == 125 || end->status == 255) && SAFEGUARD(failed_clients);
}

/* Nobody at its place has said that it is gone. */
static bool wants_stop(const struct execution *execution)
{
    const struct attempt_end *end = &execution->end;
    if (!is_far(execution) || !execution->attempt_done || end->refused || end->confirmed)
        return false;
    bool forced = end->ended != HAND_ENDED_ITSELF || end->lost || end->code != CLD_EXITED ||
                  client_failed(execution);
    return (forced || (end->guarded && end->begun)) && SAFEGUARD(ended_at_its_place);
}

static bool begin_stop(struct execution *execution)
{
    static const struct side_hooks hooks = {.done = on_stop_done};
    struct far *far = &execution->far;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    if (!wants_stop(execution) ||
        launch_beside(&execution->launch, LAUNCH_STOP, NULL, NULL, &argv) <= 0)
        return false;
    far->stop = start_side(execution, &argv, STOP_NS, &hooks);
    if (!far->stop)
        on_stop_done(execution, -1, strerror(errno));
    return true;
}

/* ---- is its host lost? ---- */

bool far_host_lost(const struct execution *execution)
{
    return execution->far.host_lost != NULL;
}

/* A client that ran here for a place elsewhere, and did not do its work: it may have been the
 * place. */
static bool client_may_be_right(const struct execution *execution)
{
    const struct attempt_end *end = &execution->end;
    return execution->task->step->n_uses > 0 &&
           (end->ended != HAND_ENDED_ITSELF || end->code != CLD_EXITED || end->status != 0);
}

/* Nobody knows how it ended, and nobody asked it to: this machine itself is never lost. */
static bool may_be_lost(const struct execution *execution)
{
    const struct attempt_end *end = &execution->end;
    const struct host *host =
        plan_slot_host(execution->executor->launcher.plan, execution->task->slot);
    if (!host->section || !execution->attempt_done || execution->stopped || end->refused ||
        end->lost)
        return false;
    if (!is_far(execution))
        return client_may_be_right(execution);
    if (end->confirmed || execution->far.stopped)
        return false;
    return execution->far.lost ||
           (end->ended == HAND_ENDED_ITSELF && (end->unconfirmed || client_failed(execution)));
}

static void set_lost(struct execution *execution, const char *why)
{
    execution->far.host_lost = xstrdup(why);
    execution->far.host_lost_ns = clock_mono_ns();
}

/* Whether the run knows already that it is. */
static bool known_lost(struct execution *execution)
{
    const struct executor *executor = execution->executor;
    const char *why = executor->hooks.host_lost && may_be_lost(execution)
                          ? executor->hooks.host_lost(executor->data, execution->task->slot)
                          : NULL;
    if (why && !execution->far.host_lost)
        set_lost(execution, why);
    return why;
}

static void on_ask_done(void *data, int status, const char *what)
{
    struct execution *execution = data;
    execution->far.ask = NULL;
    /* Or it was ended with all the rest. */
    if (status != 0 && !execution->stopped && !execution->executor->rushed &&
        !known_lost(execution))
        set_lost(execution, what);
    execution_advance(execution);
}

/* What the place is, without what the command needs there: a container that has gone is no host
 * that is lost. */
static int ask_for(struct execution *execution, struct argv *argv)
{
    struct launch *launch = &execution->launch;
    launch->asked = 0;
    int found = launch_beside(launch, LAUNCH_REACH, NULL, NULL, argv);
    return found == 0 && is_far(execution) ? launch_beside(launch, LAUNCH_ALIVE, NULL, NULL, argv)
                                           : found;
}

/* Whether it is asked now. */
static bool begin_ask(struct execution *execution)
{
    static const struct side_hooks hooks = {.steady = true, .done = on_ask_done};
    AUTO_ARGV struct argv argv = ARGV_INIT;
    if (!may_be_lost(execution) || !SAFEGUARD(lost_hosts_are_known) ||
        ask_for(execution, &argv) <= 0)
        return false;
    execution->far.ask = start_side(execution, &argv, ASK_NS, &hooks);
    return execution->far.ask;
}

static bool settle_loss(struct execution *execution)
{
    struct far *far = &execution->far;
    if (far->ask_tried)
        return true;
    far->ask_tried = true;
    if (!known_lost(execution) && may_be_lost(execution) && far->lost && far->silent)
        set_lost(execution, far->lost);
    return far->host_lost || !begin_ask(execution);
}

/* Evidence before the end: that may change what is to be seen. */
bool far_settled(struct execution *execution)
{
    struct far *far = &execution->far;
    uv_timer_stop(&far->probe);
    if (!settle_loss(execution))
        return false;
    /* Of a host that is lost nothing can be had. */
    if (far->host_lost)
        far->evidence_tried = far->stop_tried = true;
    if (!far->evidence_tried) {
        far->evidence_tried = true;
        if (begin_evidence(execution))
            return false;
    }
    if (!far->stop_tried) {
        far->stop_tried = true;
        if (begin_stop(execution))
            return false;
    }
    return true;
}

/* A guard ends it there within its lease, without a word from here. */
static void judge_loss(struct execution *execution)
{
    const struct far *far = &execution->far;
    bool lease = far->host_lost && execution->end.guarded;
    if (is_far(execution) && (far->left || far->host_lost) && !lease)
        execution->result.flags |= CIPLUG_FLAG_UNKILLABLE;
    if (!far->host_lost)
        return;
    execution->result.outcome = CIPLUG_ERROR;
    execution->result.exit_code = -1;
    strbuf_addf(&execution->reason, "; its host %s is lost: %s", execution->launch.command.host,
                far->host_lost);
}

void far_judge(struct execution *execution)
{
    const struct far *far = &execution->far;
    struct strbuf *reason = &execution->reason;
    bool known = execution->end.confirmed && execution->end.ended == HAND_ENDED_ITSELF;
    if (client_failed(execution)) {
        execution->result.outcome = CIPLUG_ERROR;
        execution->result.exit_code = -1;
        strbuf_clear(reason);
        strbuf_addf(reason, "its end is not known: the client ended with %d",
                    execution->end.status);
    }
    if (far->lost && execution->attempt_done && !known) {
        execution->result.outcome = CIPLUG_ERROR;
        execution->result.exit_code = -1;
        strbuf_clear(reason);
        strbuf_addstr(reason, far->lost);
    }
    strbuf_addstr(reason, strbuf_text(&far->reasons));
    strbuf_addstr(reason, strbuf_text(&far->ending));
    judge_loss(execution);
    if (far->path)
        strbuf_addf(reason, "; evidence: %s",
                    far->path + strlen(execution->executor->dir->path) + 1);
}

void far_free(struct far *far)
{
    free(far->lost);
    free(far->host_lost);
    free(far->path);
    strbuf_free(&far->line);
    strbuf_free(&far->reasons);
    strbuf_free(&far->ending);
}

/* ---- artifacts ---- */

/* What comes is written to a file first: a tar that broke off is told apart from a whole one. It is
 * the word of a container: owners, setuid bits and device nodes stay there. Several archives in a
 * row are one (-i), which the packer says and only GNU tar knows. */
static void fetch_argv(const struct argv *fetch, const char *folder, struct argv *argv)
{
    static const char script[] =
        "status=0\n"
        "\"$@\" >.fetched 2>.said || status=$?\n"
        "said=$(cat .said) && rm -f .said && printf '%s\\n' \"$said\" >&2\n"
        "[ \"$status\" = 0 ] || exit \"$status\"\n"
        "[ ! -s .fetched ] || case $(tar --version 2>&1),$said in\n"
        "*GNU*) tar -xif .fetched --no-same-owner --no-same-permissions ;;\n"
        "*'more than one archive'*)\n"
        "    echo 'so many, or from so many places, that it takes GNU tar here' >&2 && exit 1 ;;\n"
        "*) tar -xof .fetched ;;\n"
        "esac && find . ! -type f ! -type d ! -type l -exec rm -f {} + && rm -f .fetched";
    static const char *const words[] = {"sh", "-c", script, "ciplug-fetch"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        strv_push(&argv->words, words[i]);
    strv_copy(&argv->words, &fetch->words);
    strv_copy(&argv->env, &fetch->env);
    argv->cwd = xstrdup(folder);
}

struct side *far_fetch(struct execution *execution, const char *kind, const struct strv *patterns,
                       const struct side_hooks *hooks, char **folder, int *found)
{
    const struct task *task = execution->task;
    AUTO_ARGV struct argv fetch = ARGV_INIT, argv = ARGV_INIT;
    *found = launch_beside(&execution->launch, LAUNCH_FETCH, NULL, (const char *const *)patterns->v,
                           &fetch);
    if (execution->launch.command.fetches > 1)
        execution->launch.command.fetches--;
    if (*found <= 0)
        return NULL;
    *folder =
        rundir_kept(execution->executor->dir, kind, task->step->name, task->number, task->attempt);
    if (!*folder)
        return NULL;
    fetch_argv(&fetch, *folder, &argv);
    return start_side(execution, &argv, FETCH_NS, hooks);
}
