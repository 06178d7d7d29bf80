/* SPDX-License-Identifier: MIT */
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

void schedule_fail_run(struct schedule *schedule, const struct step *step)
{
    bool first = !schedule->failed;
    schedule->failed = true;
    if (schedule->mode == FAILURE_CANCEL_ALL && first) {
        AUTO_FREE char *reason = xasprintf("step %s failed, and --fail-fast", step->name);
        schedule_cancel_all(schedule, STOP_FAIL_FAST, reason);
    }
    if (schedule->mode == FAILURE_FINISH_STEPS && first)
        schedule_look_at_all(schedule);
}

void schedule_cancel_all(struct schedule *schedule, enum stop_why why, const char *reason)
{
    if (!schedule->cancelled) {
        schedule->cancelled = true;
        schedule->cancel_why = why;
        schedule->cancel_reason = xstrdup(reason);
    }
    /* All signals first: what has nothing running ends at once, and its services with it. */
    for (size_t i = 0; why != STOP_NONE && i < schedule->n_steps; i++)
        schedule_stop_running(schedule, &schedule->steps[i], why);
    for (size_t i = 0; i < schedule->n_steps; i++)
        schedule_stop_step(schedule, &schedule->steps[i], why, schedule->cancel_reason);
    schedule_release_services(schedule);
    schedule_look_at_all(schedule);
}

static uint64_t retry_delay(const struct schedule *schedule, const struct task *task)
{
    uint32_t before = task->attempt - 1 - task->requeues, doublings = before < 5 ? before : 5;
    unsigned jitter = schedule->hooks.jitter ? schedule->hooks.jitter(schedule->hooks.data) : 500;
    /* 75 to 125 percent, so that commands that failed together do not come back together. */
    return (task->step->retry_delay_ns << doublings) / 1000 * (750 + jitter / 2);
}

static bool may_retry(const struct schedule *schedule, const struct progress *p,
                      const struct task *task, int outcome)
{
    uint32_t attempts = p->step->retries + 1 + (task->from != NULL) + task->requeues;
    return !schedule->cancelled && !p->stopped && task->why == STOP_NONE && outcome_bad(outcome) &&
           outcome != CIPLUG_CANCELLED && !task->ready && task->attempt < attempts &&
           (p->step->retry_on & (1U << outcome));
}

static struct batch *new_batch(struct schedule *schedule)
{
    struct batch *batch = xcalloc(1, sizeof *batch);
    ARRAY_GROW(schedule->batches, schedule->n_batches, schedule->a_batches);
    schedule->batches[schedule->n_batches++] = batch;
    return batch;
}

static struct task *new_single(struct progress *p, const struct task *task, size_t unit)
{
    struct task *single = task_new(p, p->next_number++, &task->units[unit], 1);
    single->attempt = task->attempt;
    single->requeues = task->requeues;
    return single;
}

/* Until `not_before_ns` the batch may still run somewhere. */
static void push_single(struct progress *p, struct task *single, struct batch *batch,
                        uint64_t not_before_ns)
{
    batch->open++;
    single->not_before_ns = not_before_ns;
    single->from = batch;
    pending_push(p, single);
}

static void split_batch(struct schedule *schedule, struct progress *p, struct task *task,
                        uint64_t not_before_ns)
{
    struct batch *batch = new_batch(schedule);
    for (size_t i = 0; i < task->n_units; i++)
        push_single(p, new_single(p, task, i), batch, not_before_ns);
}

/* The batch failed, its last item has ended, and none of them failed alone: nobody knows why. */
static bool batch_unexplained(const struct task *task)
{
    return task->from && task->from->open == 0 && !task->from->failed;
}

static void judge_flaky(const struct task *task, struct ending *ending)
{
    uint32_t first = (task->from ? 2 : 1) + task->requeues;
    bool retried = ending->outcome == CIPLUG_PASSED && task->attempt > first;
    if (outcome_bad(ending->outcome) || (!retried && !batch_unexplained(task)))
        return;
    ending->flags |= CIPLUG_FLAG_FLAKY;
    if (task->step->flaky_fails) {
        ending->outcome = CIPLUG_FAILED;
        ending->reason = "passed only after a retry, and flaky = fail";
    }
}

static void judge_stop(const struct progress *p, const struct task *task, struct ending *ending)
{
    bool cancelled = ending->outcome == CIPLUG_CANCELLED;
    bool died =
        ending->outcome == CIPLUG_PASSED || (ending->outcome == CIPLUG_SKIPPED && task->ready);
    if (task->why == STOP_NOT_NEEDED && cancelled && task->ready) {
        ending->outcome = CIPLUG_PASSED;
        ending->reason = "ended with the last step that needed it";
    } else if (task->why == STOP_NOT_NEEDED && cancelled) {
        ending->reason = "stopped before it was ready: nothing needs it any more";
    } else if (task->why == STOP_SERVICE_PART && cancelled) {
        ending->reason = "stopped: another command of the service has ended";
    } else if (step_is_service(p->step) && task->why == STOP_NONE && died) {
        ending->outcome = CIPLUG_FAILED;
        ending->reason =
            task->ready ? "ended before the steps that need it" : "ended before it was ready";
    }
}

/* A command of the step has come to a bad end, for good. */
static void note_failure(struct schedule *schedule, struct progress *p, int outcome)
{
    if (p->step->allow_failure || outcome == CIPLUG_CANCELLED)
        return;
    p->failed = true;
    if (p->step->fail_fast)
        schedule_stop_step(schedule, p, STOP_FAIL_FAST, "another command of the step failed");
    schedule_fail_run(schedule, p->step);
}

static void finish_final(struct schedule *schedule, struct progress *p, struct task *task,
                         struct ending *ending)
{
    ending->final = true;
    if (task->from) {
        task->from->open--;
        task->from->failed |= outcome_bad(ending->outcome);
    }
    judge_flaky(task, ending);
    bool bad = outcome_bad(ending->outcome);
    task->state = TASK_ENDED;
    p->units[ending->outcome] += task->n_units;
    if (step_is_service(p->step) && task->why == STOP_NONE)
        schedule_service_ended(schedule, p, bad);
    if (bad)
        note_failure(schedule, p, ending->outcome);
}

void schedule_fail_pending(struct schedule *schedule, struct progress *p, size_t at,
                           const char *reason)
{
    struct task *task = p->pending[at];
    pending_remove(p, at);
    schedule_drop(schedule, p, task, CIPLUG_ERROR, reason);
    if (step_is_service(p->step))
        schedule_service_ended(schedule, p, true);
    note_failure(schedule, p, CIPLUG_ERROR);
    schedule_close_if_done(schedule, p);
}

bool schedule_break_stall(struct schedule *schedule)
{
    const char *reason = schedule->idle_services
                             ? "it can never start: a service that lives until this step has ended "
                               "holds its lock"
                             : "it can never start: no slot can take it";
    for (size_t i = 0; i < schedule->n_open; i++) {
        struct progress *p = schedule->open[i];
        if (p->n_pending == 0)
            continue;
        schedule_fail_pending(schedule, p, p->first_pending, reason);
        return true;
    }
    return false;
}

static void try_again(struct progress *p, struct task *task, int outcome)
{
    task->avoid = task->pinned ? 0 : task->slot;
    task->failed_as = outcome;
    task->state = TASK_PENDING;
    pending_push(p, task);
}

static void wait_for_retry(const struct schedule *schedule, struct progress *p, struct task *task,
                           uint64_t now_ns, struct ending *ending)
{
    ending->retry_ns = retry_delay(schedule, task);
    if (ending->retry_ns < ending->rest_ns)
        ending->retry_ns = ending->rest_ns;
    task->not_before_ns = ending->retry_ns ? now_ns + ending->retry_ns : 0;
    try_again(p, task, ending->outcome);
}

/* An item that ran with others and has a verdict of its own: that was its attempt. */
static void judge_item(struct schedule *schedule, struct progress *p, const struct task *batch,
                       struct verdict *verdict, uint64_t now_ns)
{
    struct task *single = verdict->task;
    single->slot = batch->slot;
    single->batch = batch->number;
    single->why = batch->why;
    if (may_retry(schedule, p, single, verdict->ending.outcome))
        wait_for_retry(schedule, p, single, now_ns, &verdict->ending);
    else
        finish_final(schedule, p, single, &verdict->ending);
}

/* Nobody knows how the item ended, so it runs alone; where nothing starts any more it ended as all
 * of them did. */
static void leave_item(struct schedule *schedule, struct progress *p, struct verdict *verdict,
                       struct batch *batch, const struct ending *ending)
{
    int outcome = outcome_bad(ending->outcome) ? ending->outcome : CIPLUG_CANCELLED;
    if (schedule->cancelled || p->stopped)
        schedule_drop(schedule, p, verdict->task, outcome, "its results do not tell how it ended");
    else
        push_single(p, verdict->task, batch, 0);
}

static void split_by_verdicts(struct schedule *schedule, struct progress *p, struct task *task,
                              uint64_t now_ns, struct ending *ending)
{
    struct batch *batch = new_batch(schedule);
    batch->failed = true; /* not unexplained */
    task->state = TASK_ENDED;
    ending->flags |= CIPLUG_FLAG_JUDGED;
    for (size_t i = 0; i < task->n_units; i++)
        ending->verdicts[i].task = new_single(p, task, i);
    /* First what is left to run: the verdicts may end the step. */
    for (size_t i = 0; i < task->n_units; i++) {
        if (!ending->verdicts[i].ending.outcome)
            leave_item(schedule, p, &ending->verdicts[i], batch, ending);
        ending->by_item |= !ending->verdicts[i].ending.outcome;
    }
    for (size_t i = 0; i < task->n_units; i++) {
        if (ending->verdicts[i].ending.outcome)
            judge_item(schedule, p, task, &ending->verdicts[i], now_ns);
    }
}

void schedule_finished(struct schedule *schedule, struct task *task, uint64_t now_ns,
                       struct ending *ending)
{
    struct progress *p = progress_of(schedule, task->step);
    p->running--;
    schedule->running--;
    schedule->idle_services -= task->ready && task->state == TASK_RUNNING;
    schedule_release_slots(schedule, task);
    schedule_release_locks(schedule, task);
    judge_stop(p, task, ending);
    bool undecided = p->step->batch && !task->from && task->n_units > 1 &&
                     outcome_bad(ending->outcome) && ending->outcome != CIPLUG_CANCELLED &&
                     !schedule->cancelled && !p->stopped;
    bool requeue = schedule_may_requeue(schedule, p, task, ending);
    uint64_t gone_ns = ending->rest_ns ? now_ns + ending->rest_ns : 0;
    if (!ending->lost)
        ending->aside = schedule_judge_host(schedule, task, ending->outcome);
    if (requeue) {
        ending->requeued = true;
        task->requeues++;
        task->not_before_ns = gone_ns;
        try_again(p, task, ending->outcome);
    } else if (ending->verdicts) {
        split_by_verdicts(schedule, p, task, now_ns, ending);
    } else if (undecided) {
        ending->by_item = true;
        task->state = TASK_ENDED;
        split_batch(schedule, p, task, gone_ns);
    } else if (may_retry(schedule, p, task, ending->outcome)) {
        wait_for_retry(schedule, p, task, now_ns, ending);
    } else {
        finish_final(schedule, p, task, ending);
    }
    schedule_close_if_done(schedule, p);
}
