/* SPDX-License-Identifier: MIT */
#include "run.h"
#include "proctree.h"
#include "reap.h"
#include "record.h"
#include "run_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCREEN_STALL_NS (60 * NS_PER_S)
#define KEEPER_END_NS   (10 * NS_PER_S)
/* What outlived its five seconds will hardly go now. */
#define UNKILLABLE_END_NS NS_PER_S

uint64_t run_now(const struct run *run)
{
    return runclock_now(&run->clock);
}

static bool run_failed(const struct run *run)
{
    return run->signo || run->timed_out || run->no_verdict || schedule_failed(run->steps);
}

void run_cancel(struct run *run, const char *reason)
{
    if (!run->reason)
        run->reason = xstrdup(reason);
    schedule_cancel(run->current, reason);
    run_kill_asked(run, false);
}

/* --- what the executor tells --- */

static int on_intents(void *data, const struct launch *launch)
{
    return run_note_intents(data, launch);
}

static void on_started(void *data, struct execution *execution)
{
    run_emit_command(data, CIPLUG_COMMAND_STARTED, execution, NULL);
}

static void on_output(void *data, struct execution *execution, int stream, const void *bytes,
                      size_t length, uint64_t offset)
{
    run_emit_output(data, execution, stream, bytes, length, offset);
}

static void on_notice(void *data, struct execution *execution, const char *text)
{
    run_emit_command(data, CIPLUG_COMMAND_NOTICE, execution, text);
}

static void on_ready(void *data, struct execution *execution)
{
    struct run *run = data;
    run_emit_command(run, CIPLUG_COMMAND_NOTICE, execution, "is ready");
    schedule_ready(run->current, execution->task);
    run_pump(run);
}

static const char *stop_reason(const struct run *run, const struct task *task)
{
    switch (task->why) {
    case STOP_FAIL_FAST:
        return "stopped after a failure (fail-fast)";
    case STOP_SERVICE_DIED:
        return "stopped: a service that it needs has ended";
    case STOP_CANCEL:
        return run->reason;
    default:
        return NULL;
    }
}

static void on_finished(void *data, struct execution *execution)
{
    struct run *run = data;
    struct task *task = execution->task;
    struct ciplug_result *result = &execution->result;
    struct ending ending = {.outcome = result->outcome,
                            .flags = result->flags,
                            .verdicts = execution->collecting.verdicts};
    run_hosts_judge(run, execution, &ending);
    schedule_finished(run->current, task, run_now(run), &ending);
    result->outcome = ending.outcome;
    result->flags = ending.flags;
    result->final = ending.final;
    if (result->outcome == CIPLUG_CANCELLED && stop_reason(run, task))
        result->reason = stop_reason(run, task);
    if (ending.reason)
        result->reason = ending.reason;
    if (outcome_bad(result->outcome) && task->step->allow_failure &&
        result->outcome != CIPLUG_CANCELLED)
        result->flags |= CIPLUG_FLAG_ALLOWED;
    if (ending.final) {
        task->outcome = result->outcome;
        task->log_out = result->log_out ? xstrdup(result->log_out) : NULL;
    }
    run->unkillable |= result->flags & CIPLUG_FLAG_UNKILLABLE;
    if (ending.final && outcome_bad(result->outcome))
        run_note_place(run, execution);
    run_emit_tests(run, execution);
    run_emit_command(run, CIPLUG_COMMAND_FINISHED, execution, NULL);
    run_emit_verdicts(run, execution);
    run_hosts_tell(run, &ending);
    run_pump(run);
}

static void on_disk_failed(void *data, int error)
{
    struct run *run = data;
    if (run->no_verdict)
        return;
    run->no_verdict = true;
    run_emit_notice(run, "a log cannot be written: %s; nothing new is started", strerror(error));
    /* Cleanup steps run with or without logs: one of them may be what makes room. */
    if (run->phase == PHASE_STEPS && SAFEGUARD(halt_on_full_disk))
        schedule_halt(run->current, "a log could not be written");
}

static void on_incomplete(void *data)
{
    struct run *run = data;
    run->incomplete = true;
}

/* --- what the schedule wants --- */

static void act(struct run *run, const struct action *action)
{
    switch (action->kind) {
    case ACTION_OPEN:
        run_open_step(run, action->step);
        break;
    case ACTION_BEGIN:
        run_emit_step_started(run, action->step, action->units);
        break;
    case ACTION_START:
        executor_start(&run->executor, action->task);
        break;
    case ACTION_STOP:
        if (action->task->execution)
            executor_stop(action->task->execution, run->signo ? run->signo : SIGTERM);
        break;
    case ACTION_DROP:
        run_emit_dropped(run, action->task, action->outcome, action->reason);
        break;
    case ACTION_CLOSE:
        run_emit_step_finished(run, action->step, action->outcome, action->reason);
        break;
    }
}

static void next_phase(struct run *run)
{
    if (run->phase == PHASE_STEPS) {
        run->kept = run->options->keep && run_failed(run) && !run->signo;
        run->phase = run->kept || !SAFEGUARD(cleanup_steps_run) ? PHASE_END : PHASE_CLEANUP;
        uv_timer_stop(&run->deadline);
        if (run->phase == PHASE_CLEANUP)
            run_begin_schedule(run, true);
    } else if (run->phase == PHASE_CLEANUP) {
        hosts_quiet(run->hosts);
        run->phase = run_sweep_begin(run) ? PHASE_SWEEP : PHASE_END;
    }
    if (run->phase == PHASE_END)
        uv_stop(&run->loop);
}

static void on_wake(uv_timer_t *timer)
{
    run_pump(timer->data);
}

static void arm_wake(struct run *run)
{
    uint64_t when = schedule_wake(run->current), now = run_now(run);
    if (!when)
        return;
    uint64_t ms = when > now ? (when - now) / NS_PER_MS + 1 : 0;
    uv_timer_start(&run->wake, on_wake, ms, 0);
}

void run_pump(struct run *run)
{
    if (run->pumping)
        return;
    run->pumping = true;
    struct action action;
    while (run->phase < PHASE_SWEEP) {
        while (schedule_next(run->current, run_now(run), &action))
            act(run, &action);
        if (!schedule_done(run->current))
            break;
        next_phase(run);
    }
    run->pumping = false;
    if (run->phase < PHASE_SWEEP)
        arm_wake(run);
}

/* --- timers and watches of the run --- */

static void on_deadline(uv_timer_t *timer)
{
    struct run *run = timer->data;
    uint64_t now = run_now(run);
    if (now < run->deadline_ns) {
        uv_timer_start(timer, on_deadline, (run->deadline_ns - now) / NS_PER_MS + 1, 0);
        return;
    }
    char limit[24];
    format_duration(limit, sizeof limit, run->plan->run_timeout_ns);
    AUTO_FREE char *reason = xasprintf("run_timeout of %s is over", limit);
    run->timed_out = true;
    run_cancel(run, reason);
    run_pump(run);
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;
    if (run->resume_due)
        run->resume_due = !hands_order_all(&run->hands, HAND_RESUME);
    console_tick(run->console, run_now(run));
    if (SAFEGUARD(stopped_keeper_is_woken))
        keeper_wake(run->keeper);
}

static void on_keeper(uv_poll_t *poll, int status, int events)
{
    struct run *run = poll->data;
    (void)status;
    (void)events;
    uv_poll_stop(poll);
    if (run->phase == PHASE_END)
        return;
    run->no_verdict = true;
    run_emit_notice(run, "the keeper has died: nothing new can be held, only idle hands work on");
    if (run->phase == PHASE_STEPS)
        run_cancel(run, "the keeper has died");
    run_pump(run);
}

static void start_timers(struct run *run)
{
    uv_timer_t *timers[] = {&run->wake, &run->deadline, &run->tick};
    for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
        uv_timer_init(&run->loop, timers[i]);
        timers[i]->data = run;
    }
    uv_timer_start(&run->tick, on_tick, 1000, 1000);
    if (run->plan->run_timeout_ns) {
        run->deadline_ns = run_now(run) + run->plan->run_timeout_ns;
        uv_timer_start(&run->deadline, on_deadline, run->plan->run_timeout_ns / NS_PER_MS, 0);
    }
    run->keeper_watch.data = run;
    uv_poll_init(&run->loop, &run->keeper_watch, run->keeper->fd);
    uv_poll_start(&run->keeper_watch, UV_READABLE, on_keeper);
}

/* --- before and after --- */

static int start_executor(struct run *run)
{
    static const struct executor_hooks hooks = {.intents = on_intents,
                                                .started = on_started,
                                                .output = on_output,
                                                .notice = on_notice,
                                                .ready = on_ready,
                                                .finished = on_finished,
                                                .disk_failed = on_disk_failed,
                                                .host_lost = run_host_lost,
                                                .incomplete = on_incomplete};
    struct process_stat self = {0};
    AUTO_FREE char *boot = record_boot_id();
    (void)process_stat(getpid(), &self);
    marker_of_run(run->marker, run->dir.run, getpid(), self.start);
    run->owner = xasprintf("%s.%d.%" PRIu64, boot ? boot : "unknown", (int)getpid(), self.start);
    hands_init(&run->hands, &run->loop, run->keeper);
    run->hands.marker = run->marker;
    run->executor = (struct executor){
        .loop = &run->loop,
        .launcher = {.plan = run->plan,
                     .run = run->dir.run,
                     .mask = run->mask,
                     .owner = run->owner,
                     .run_dir = run->dir.path},
        .hands = &run->hands,
        .clock = &run->clock,
        .logwriter = logwriter_new(&run->loop),
        .dir = &run->dir,
        .hooks = hooks,
        .data = run,
    };
    if (run->executor.logwriter)
        return 0;
    msg(MSG_ERROR, "cannot start the thread for logs: %s", strerror(errno));
    return -1;
}

static void on_swept(void *data, const char *text)
{
    run_emit_notice(data, "%s", text);
}

static void begin(struct run *run)
{
    run_begin_schedule(run, false);
    run_emit_started(run);
    if (run->keeper->cgroup[0])
        (void)journal_own_intent(&run->journal, INTENT_CGROUP, run->keeper->cgroup);
    for (size_t i = 0; i < run->plan->notices.n; i++)
        run_emit_notice(run, "%s", run->plan->notices.v[i]);
    const struct reap_sweep sweep = {.dir = &run->dir,
                                     .keeper = run->keeper,
                                     .loaded = run->plan->plugins,
                                     .more = &run->reapers,
                                     .tell = on_swept,
                                     .data = run};
    reap_dead_runs(&sweep);
    rundir_prune(&run->dir, run->plan->keep_runs, run->resume ? run->resume->run : NULL,
                 reap_is_owed);
    run_hosts_begin(run);
}

/* What went wrong with showing or recording spoils a pass, and only that. */
static int no_pass(int status)
{
    return (status == 0 || status == 4) && SAFEGUARD(unseen_is_no_pass) ? 3 : status;
}

/* The fold decides; what it cannot know is added. */
static int conclude(struct run *run)
{
    bool whole = run_check_journal(run);
    if (!whole) {
        msg(MSG_ERROR, "the journal and the numbers of this run do not agree");
        run->no_verdict = true;
    }
    int status = ledger_exit_status(&run->ledger, run->no_verdict || run->incomplete,
                                    schedule_empty(run->steps));
    if (run->timed_out)
        status = 1;
    if (run->signo)
        status = 128 + run->signo;
    run_hosts_conclude(run);
    run_tell_kept(run);
    run->said = status;
    run_emit_finished(run, status);
    if (events_finish(&run->events) < 0)
        status = no_pass(status);
    return status;
}

static void close_handles(struct run *run)
{
    uv_timer_t *timers[] = {&run->wake, &run->deadline, &run->tick};
    for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
        uv_close((uv_handle_t *)timers[i], NULL);
    uv_close((uv_handle_t *)&run->keeper_watch, NULL);
    run_unwatch_signals(run);
    hands_close(&run->hands);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    logwriter_free(run->executor.logwriter);
    uv_run(&run->loop, UV_RUN_DEFAULT);
}

/* run_finished was written before the reporters had shown it: where one of them failed, a last
 * record says what came of that. */
static int close_journal(struct run *run, int status)
{
    AUTO_FREE char *text = xasprintf("a reporter could not write: the exit status is %d", status);
    if (run->said != status)
        run_emit_last_record(run, text);
    if (journal_close(&run->journal) < 0)
        status = no_pass(status);
    return status;
}

static int loop_and_conclude(struct run *run)
{
    run_watch_signals(run);
    start_timers(run);
    executor_limit(&run->executor);
    begin(run);
    run_pump(run);
    if (run->phase != PHASE_END)
        uv_run(&run->loop, UV_RUN_DEFAULT);
    run_hosts_end(run);
    hands_let_go(&run->hands);
    int status = conclude(run);
    msg_set_sink(NULL, NULL);
    int unseen = screen_free(run->screen, SCREEN_STALL_NS, run_signals_while_waiting(run));
    if (unseen && unseen != EPIPE) {
        msg(MSG_ERROR, "standard output cannot be written: %s", strerror(unseen));
        status = no_pass(status);
    }
    status = close_journal(run, status);
    console_free(run->console);
    close_handles(run);
    return status;
}

static void release(struct run *run)
{
    results_taken_free(&run->executor.taken);
    schedule_free(run->steps);
    schedule_free(run->cleanups);
    hosts_free(run->hosts);
    hands_free(&run->hands);
    events_free(&run->events);
    for (size_t i = 0; run->carried && i < run->plan->n_steps; i++)
        resume_choices_free(run->carried[i], run->n_carried[i]);
    free(run->carried);
    free(run->n_carried);
    if (run->resume)
        resume_free(run->resume);
    free(run->resume);
    free(run->keys);
    free(run->reason);
    free(run->owner);
    run->plan->plugins->run_option = NULL;
    strv_free(&run->option_values);
    run_sweep_free(run);
    runclock_free(&run->clock);
    rundir_close(&run->dir);
}

int run_plan(struct plan *plan, struct keeper *keeper, const struct run_options *options)
{
    struct run *run = xcalloc(1, sizeof *run);
    run->plan = plan;
    run->keeper = keeper;
    run->options = options;
    strv_copy(&run->reapers.path, &plan->plugins->path);
    runclock_start(&run->clock);
    if (uv_loop_init(&run->loop) < 0) {
        msg(MSG_ERROR, "cannot start the loop");
        plugins_close(&run->reapers);
        runclock_free(&run->clock);
        free(run);
        return 3;
    }
    int status = run_open_records(run);
    if (status == 0) {
        status = 3;
        if (start_executor(run) == 0 && run_start_screen(run) == 0) {
            run_add_reporters(run);
            status = loop_and_conclude(run);
        }
    }
    if (keeper_finish(keeper, run->unkillable ? UNKILLABLE_END_NS : KEEPER_END_NS) < 0)
        msg(MSG_WARNING, "some process of a command could not be ended");
    unsigned strays = keeper_end_strays();
    if (strays > 0)
        msg(MSG_DEBUG, "%u processes without keeper or hand were ended", strays);
    release(run);
    uv_loop_close(&run->loop);
    free(run);
    return status;
}
