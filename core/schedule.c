/* SPDX-License-Identifier: MIT */
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static void push(struct schedule *schedule, struct action action)
{
    if (schedule->next_action == schedule->n_actions)
        schedule->next_action = schedule->n_actions = 0;
    ARRAY_GROW(schedule->actions, schedule->n_actions, schedule->a_actions);
    schedule->actions[schedule->n_actions++] = action;
}

static void look_at(struct schedule *schedule, size_t index)
{
    if (schedule->next_check == schedule->n_check)
        schedule->next_check = schedule->n_check = 0;
    ARRAY_GROW(schedule->check, schedule->n_check, schedule->a_check);
    schedule->check[schedule->n_check++] = index;
}

static void look_at_all(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->n_steps; i++) {
        if (schedule->steps[i].state == PROGRESS_WAITING)
            look_at(schedule, i);
    }
}

static void add_dependent(struct progress *p, size_t index)
{
    ARRAY_GROW(p->dependents, p->n_dependents, p->a_dependents);
    p->dependents[p->n_dependents++] = index;
}

static void connect(struct schedule *schedule, size_t index)
{
    struct progress *p = &schedule->steps[index];
    if (schedule->cleanup) {
        if (index > 0)
            add_dependent(&schedule->steps[index - 1], index);
        return;
    }
    for (size_t i = 0; i < p->step->n_needs; i++)
        add_dependent(&schedule->steps[p->step->needs[i]], index);
}

struct schedule *schedule_new(struct plan *plan, bool cleanup, enum failure_mode mode,
                              const struct schedule_hooks *hooks)
{
    struct schedule *schedule = xcalloc(1, sizeof *schedule);
    schedule->plan = plan;
    schedule->cleanup = cleanup;
    schedule->mode = cleanup ? FAILURE_KEEP_GOING : mode;
    if (hooks)
        schedule->hooks = *hooks;
    struct step *steps = cleanup ? plan->cleanups : plan->steps;
    schedule->n_steps = cleanup ? plan->n_cleanups : plan->n_steps;
    schedule->steps = xcalloc(schedule->n_steps, sizeof *schedule->steps);
    schedule->slots = xcalloc(plan->n_slots + 1, sizeof *schedule->slots);
    for (size_t i = 0; i < schedule->n_steps; i++) {
        struct progress *p = &schedule->steps[i];
        p->step = &steps[i];
        p->next_number = 1;
        connect(schedule, i);
        if (!p->step->selected) {
            p->state = PROGRESS_ENDED;
            p->satisfied = true;
            continue;
        }
        schedule->open_steps++;
    }
    look_at_all(schedule);
    return schedule;
}

static void progress_free(struct progress *p)
{
    for (size_t i = 0; i < p->n_tasks; i++)
        task_free(p->tasks[i]);
    for (size_t i = 0; p->carried && i < p->step->n_units; i++)
        free(p->carried[i]);
    free(p->carried);
    free(p->tasks);
    free(p->pending);
    free(p->rest);
    free(p->dependents);
    free(p->reason);
}

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    for (size_t i = 0; i < schedule->n_steps; i++)
        progress_free(&schedule->steps[i]);
    for (size_t i = 0; i < schedule->n_batches; i++)
        free(schedule->batches[i]);
    free(schedule->batches);
    free(schedule->steps);
    free(schedule->open);
    free(schedule->slots);
    strv_free(&schedule->locks);
    free(schedule->actions);
    free(schedule->check);
    free(schedule->cancel_reason);
    free(schedule);
}

/* --- services --- */

static bool is_service(const struct step *step)
{
    return step->ready.text != NULL;
}

/* Mark what needs `index`, directly or through others. */
static void mark_users(const struct schedule *schedule, size_t index, bool *marked)
{
    AUTO_FREE size_t *stack = xcalloc(schedule->n_steps, sizeof *stack);
    size_t n = 0;
    stack[n++] = index;
    while (n > 0) {
        const struct progress *p = &schedule->steps[stack[--n]];
        for (size_t i = 0; i < p->n_dependents; i++) {
            size_t user = p->dependents[i];
            if (!marked[user]) {
                marked[user] = true;
                stack[n++] = user;
            }
        }
    }
}

static bool service_in_use(const struct schedule *schedule, const struct progress *service)
{
    AUTO_FREE bool *users = xcalloc(schedule->n_steps, sizeof *users);
    mark_users(schedule, service->step->index, users);
    bool any = false, others = false;
    for (size_t i = 0; i < schedule->n_steps; i++) {
        const struct progress *p = &schedule->steps[i];
        any |= users[i];
        if (users[i] && p->state != PROGRESS_ENDED)
            return true;
        others |= !is_service(p->step) && p->state != PROGRESS_ENDED;
    }
    /* One that nobody needs by name stays as long as there is anything to do. */
    return !any && others;
}

static void stop_running(struct schedule *schedule, struct progress *p, enum stop_why why)
{
    for (size_t i = 0; i < p->n_tasks; i++) {
        struct task *task = p->tasks[i];
        if (task->state != TASK_RUNNING)
            continue;
        task->state = TASK_STOPPING;
        task->why = why;
        push(schedule, (struct action){.kind = ACTION_STOP, .step = p->step, .task = task});
    }
}

static void release_services(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->n_open; i++) {
        struct progress *p = schedule->open[i];
        if (is_service(p->step) && p->satisfied && !service_in_use(schedule, p))
            stop_running(schedule, p, STOP_NOT_NEEDED);
    }
}

/* --- the end of steps --- */

static int step_outcome(const struct progress *p)
{
    static const int bad[] = {CIPLUG_FAILED, CIPLUG_TIMEOUT, CIPLUG_SIGNALED, CIPLUG_ERROR,
                              CIPLUG_CANCELLED};
    uint64_t total = p->units[CIPLUG_PASSED] + p->units[CIPLUG_SKIPPED];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (p->units[bad[i]] > 0)
            return bad[i];
    }
    return total > 0 && p->units[CIPLUG_PASSED] == 0 ? CIPLUG_SKIPPED : CIPLUG_PASSED;
}

static void end_step(struct schedule *schedule, struct progress *p, int outcome, bool satisfied)
{
    p->state = PROGRESS_ENDED;
    p->satisfied = satisfied;
    schedule->open_steps--;
    for (size_t i = 0; p->is_open && i < schedule->n_open; i++) {
        if (schedule->open[i] == p) {
            schedule->n_open--;
            memmove(&schedule->open[i], &schedule->open[i + 1],
                    (schedule->n_open - i) * sizeof *schedule->open);
            break;
        }
    }
    push(schedule, (struct action){.kind = ACTION_CLOSE,
                                   .step = p->step,
                                   .outcome = outcome,
                                   .reason = p->reason ? p->reason : ""});
    for (size_t i = 0; i < p->n_dependents; i++)
        look_at(schedule, p->dependents[i]);
    release_services(schedule);
}

static bool outcome_bad(int outcome)
{
    return outcome != CIPLUG_PASSED && outcome != CIPLUG_SKIPPED;
}

static void close_if_done(struct schedule *schedule, struct progress *p)
{
    if (p->state != PROGRESS_OPEN || p->running || p->n_pending || p->taken_rest < p->n_rest)
        return;
    int outcome = step_outcome(p);
    end_step(schedule, p, outcome,
             !outcome_bad(outcome) || (p->step->allow_failure && outcome != CIPLUG_CANCELLED));
}

static void drop(struct schedule *schedule, struct progress *p, struct task *task, int outcome,
                 const char *reason)
{
    task->state = TASK_ENDED;
    p->units[outcome] += task->n_units;
    push(schedule, (struct action){.kind = ACTION_DROP,
                                   .step = p->step,
                                   .task = task,
                                   .outcome = outcome,
                                   .reason = reason});
}

/* Everything of the step that has not started leaves as `outcome`. */
static void drop_rest(struct schedule *schedule, struct progress *p, int outcome,
                      const char *reason)
{
    for (size_t i = 0; i < p->n_pending; i++) {
        drop(schedule, p, p->pending[i], outcome, reason);
        if (p->pending[i]->from)
            p->pending[i]->from->failed = true;
    }
    p->n_pending = 0;
    if (p->taken_rest < p->n_rest) {
        struct task *task =
            task_new(p, p->next_number++, p->rest + p->taken_rest, p->n_rest - p->taken_rest);
        p->taken_rest = p->n_rest;
        drop(schedule, p, task, outcome, reason);
    }
}

static void stop_step(struct schedule *schedule, struct progress *p, enum stop_why why,
                      const char *reason)
{
    if (p->state != PROGRESS_OPEN)
        return;
    p->stopped = true;
    if (why != STOP_NONE)
        stop_running(schedule, p, why);
    drop_rest(schedule, p, CIPLUG_CANCELLED, reason);
    close_if_done(schedule, p);
}

static void cancel(struct schedule *schedule, enum stop_why why, const char *reason)
{
    if (!schedule->cancelled) {
        schedule->cancelled = true;
        schedule->cancel_why = why;
        schedule->cancel_reason = xstrdup(reason);
    }
    for (size_t i = 0; i < schedule->n_steps; i++)
        stop_step(schedule, &schedule->steps[i], why, schedule->cancel_reason);
    look_at_all(schedule);
}

void schedule_cancel(struct schedule *schedule, const char *reason)
{
    cancel(schedule, STOP_CANCEL, reason);
}

void schedule_halt(struct schedule *schedule, const char *reason)
{
    cancel(schedule, STOP_NONE, reason);
}

/* --- the beginning of steps --- */

static bool unit_carried(const struct progress *p, size_t unit)
{
    return p->carried && p->carried[unit];
}

/* Units of a planned command that are to run become one task; those that were carried, one each. */
static void make_task(struct schedule *schedule, struct progress *p, const struct planned *planned)
{
    AUTO_FREE size_t *left = xcalloc(planned->n, sizeof *left);
    size_t n = 0;
    for (size_t i = 0; i < planned->n; i++) {
        size_t unit = planned->units[i];
        if (!unit_carried(p, unit)) {
            left[n++] = unit;
            continue;
        }
        struct task *task = task_new(p, planned->number, &unit, 1);
        task->carried = true;
        drop(schedule, p, task, CIPLUG_SKIPPED, p->carried[unit]);
    }
    if (n == 0)
        return;
    struct task *task = task_new(p, planned->number, left, n);
    if (p->step->per != PER_COMMAND)
        task->pinned = nth_slot(schedule, p->step, planned->number - 1);
    pending_push(p, task);
}

static void make_rest(struct schedule *schedule, struct progress *p)
{
    p->rest = xcalloc(p->step->n_units, sizeof *p->rest);
    for (size_t unit = 0; unit < p->step->n_units; unit++) {
        if (!unit_carried(p, unit)) {
            p->rest[p->n_rest++] = unit;
            continue;
        }
        struct task *task = task_new(p, p->next_number++, &unit, 1);
        task->carried = true;
        drop(schedule, p, task, CIPLUG_SKIPPED, p->carried[unit]);
    }
}

static void begin_step(struct schedule *schedule, struct progress *p)
{
    p->state = PROGRESS_OPEN;
    p->is_open = true;
    ARRAY_GROW(schedule->open, schedule->n_open, schedule->a_open);
    size_t at = schedule->n_open++;
    while (at > 0 && schedule->open[at - 1]->step->index > p->step->index) {
        schedule->open[at] = schedule->open[at - 1];
        at--;
    }
    schedule->open[at] = p;
    push(schedule,
         (struct action){.kind = ACTION_BEGIN, .step = p->step, .units = p->step->n_units});
    if (p->step->batch)
        make_rest(schedule, p);
    for (size_t i = 0; !p->step->batch && i < p->step->n_commands; i++)
        make_task(schedule, p, &p->step->commands[i]);
}

/* The step leaves as a whole without anything of it having run. */
static void leave_step(struct schedule *schedule, struct progress *p, int outcome,
                       const char *reason, bool satisfied)
{
    free(p->reason);
    p->reason = xstrdup(reason);
    begin_step(schedule, p);
    drop_rest(schedule, p, outcome, p->reason);
    end_step(schedule, p, outcome, satisfied);
}

void schedule_carry(struct schedule *schedule, struct step *step, size_t unit, const char *reason)
{
    struct progress *p = progress_of(schedule, step);
    if (!p->carried)
        p->carried = xcalloc(step->n_units, sizeof *p->carried);
    if (!p->carried[unit])
        p->carried[unit] = xstrdup(reason);
}

static void fail_run(struct schedule *schedule, const struct step *step)
{
    bool first = !schedule->failed;
    schedule->failed = true;
    if (schedule->mode == FAILURE_CANCEL_ALL && first) {
        AUTO_FREE char *reason = xasprintf("step %s failed, and --fail-fast", step->name);
        cancel(schedule, STOP_FAIL_FAST, reason);
    }
    if (schedule->mode == FAILURE_FINISH_STEPS && first)
        look_at_all(schedule);
}

void schedule_opened(struct schedule *schedule, struct step *step, enum opened opened,
                     const char *reason)
{
    struct progress *p = progress_of(schedule, step);
    if (schedule->cancelled) {
        leave_step(schedule, p, CIPLUG_CANCELLED, schedule->cancel_reason, false);
    } else if (opened == OPENED_SKIP) {
        leave_step(schedule, p, CIPLUG_SKIPPED, reason, true);
    } else if (opened == OPENED_ERROR) {
        leave_step(schedule, p, CIPLUG_ERROR, reason, step->allow_failure);
        if (!step->allow_failure)
            fail_run(schedule, step);
    } else if (step->n_units == 0 && !step->allow_empty) {
        schedule->empty = true;
        leave_step(schedule, p, CIPLUG_ERROR, "it found no item", false);
        fail_run(schedule, step);
    } else {
        p->started = true;
        begin_step(schedule, p);
        close_if_done(schedule, p);
    }
}

enum needs { NEEDS_WAIT, NEEDS_MET, NEEDS_FAILED };

static enum needs needs_of(const struct schedule *schedule, const struct progress *p,
                           const struct step **failed)
{
    if (schedule->cleanup) {
        size_t index = p->step->index;
        return index == 0 || schedule->steps[index - 1].state == PROGRESS_ENDED ? NEEDS_MET
                                                                                : NEEDS_WAIT;
    }
    enum needs verdict = NEEDS_MET;
    for (size_t i = 0; i < p->step->n_needs; i++) {
        const struct progress *need = &schedule->steps[p->step->needs[i]];
        if (need->state == PROGRESS_ENDED && !need->satisfied) {
            *failed = need->step;
            return NEEDS_FAILED;
        }
        if (!need->satisfied)
            verdict = NEEDS_WAIT;
    }
    return verdict;
}

static void check_step(struct schedule *schedule, struct progress *p)
{
    const struct step *failed = NULL;
    if (p->state != PROGRESS_WAITING)
        return;
    enum needs needs = needs_of(schedule, p, &failed);
    if (schedule->cancelled) {
        leave_step(schedule, p, CIPLUG_CANCELLED, schedule->cancel_reason, false);
    } else if (needs == NEEDS_FAILED) {
        AUTO_FREE char *reason = xasprintf("needs %s, which did not pass", failed->name);
        leave_step(schedule, p, CIPLUG_SKIPPED, reason, false);
    } else if (schedule->failed && schedule->mode == FAILURE_FINISH_STEPS) {
        /* What waits for a step that still runs is told apart only when that has ended. */
        if (needs == NEEDS_MET)
            leave_step(schedule, p, CIPLUG_CANCELLED, "not started after a failure", false);
    } else if (needs == NEEDS_MET) {
        p->state = PROGRESS_OPENING;
        push(schedule, (struct action){.kind = ACTION_OPEN, .step = p->step});
    }
}

bool schedule_next(struct schedule *schedule, uint64_t now_ns, struct action *action)
{
    for (;;) {
        if (schedule->next_action < schedule->n_actions) {
            *action = schedule->actions[schedule->next_action++];
            return true;
        }
        if (schedule->next_check == schedule->n_check)
            return schedule_place(schedule, now_ns, action);
        check_step(schedule, &schedule->steps[schedule->check[schedule->next_check++]]);
    }
}

uint64_t schedule_wake(const struct schedule *schedule)
{
    return schedule->wake_ns;
}

bool schedule_done(const struct schedule *schedule)
{
    return schedule->open_steps == 0 && schedule->next_action == schedule->n_actions;
}

/* --- commands that run --- */

void schedule_ready(struct schedule *schedule, struct task *task)
{
    struct progress *p = progress_of(schedule, task->step);
    if (task->ready || task->state != TASK_RUNNING)
        return;
    task->ready = true;
    schedule_release_slots(schedule, task);
    if (p->n_pending)
        return;
    for (size_t i = 0; i < p->n_tasks; i++) {
        if (p->tasks[i]->state != TASK_ENDED && !p->tasks[i]->ready)
            return;
    }
    p->satisfied = !p->failed;
    for (size_t i = 0; i < p->n_dependents; i++)
        look_at(schedule, p->dependents[i]);
    release_services(schedule);
}

static void service_died(struct schedule *schedule, const struct progress *service)
{
    AUTO_FREE bool *users = xcalloc(schedule->n_steps, sizeof *users);
    mark_users(schedule, service->step->index, users);
    for (size_t i = 0; i < schedule->n_steps; i++) {
        if (users[i])
            stop_step(schedule, &schedule->steps[i], STOP_SERVICE_DIED,
                      "a service that it needs has ended");
    }
}

static uint64_t retry_delay(const struct schedule *schedule, const struct task *task)
{
    uint32_t doublings = task->attempt - 1 < 5 ? task->attempt - 1 : 5;
    unsigned jitter = schedule->hooks.jitter ? schedule->hooks.jitter(schedule->hooks.data) : 500;
    /* 75 to 125 percent, so that commands that failed together do not come back together. */
    return (task->step->retry_delay_ns << doublings) / 1000 * (750 + jitter / 2);
}

static bool may_retry(const struct schedule *schedule, const struct progress *p,
                      const struct task *task, int outcome)
{
    uint32_t attempts = p->step->retries + 1 + (task->from != NULL);
    return !schedule->cancelled && !p->stopped && task->why == STOP_NONE && outcome_bad(outcome) &&
           outcome != CIPLUG_CANCELLED && !task->ready && task->attempt < attempts &&
           (p->step->retry_on & (1U << outcome));
}

static void split_batch(struct schedule *schedule, struct progress *p, struct task *task)
{
    struct batch *batch = xcalloc(1, sizeof *batch);
    batch->open = task->n_units;
    ARRAY_GROW(schedule->batches, schedule->n_batches, schedule->a_batches);
    schedule->batches[schedule->n_batches++] = batch;
    for (size_t i = 0; i < task->n_units; i++) {
        struct task *single = task_new(p, p->next_number++, &task->units[i], 1);
        single->attempt = task->attempt;
        single->from = batch;
        pending_push(p, single);
    }
}

static void judge_flaky(const struct task *task, struct ending *ending)
{
    uint32_t first = task->from ? 2 : 1;
    bool flaky = task->attempt > first;
    if (task->from && task->from->open == 0 && !task->from->failed)
        flaky = true; /* the batch failed, and nobody knows why */
    if (!flaky)
        return;
    ending->flags |= CIPLUG_FLAG_FLAKY;
    if (task->step->flaky_fails) {
        ending->outcome = CIPLUG_FAILED;
        ending->reason = "passed only after a retry, and flaky = fail";
    }
}

static void judge_stop(const struct progress *p, const struct task *task, struct ending *ending)
{
    if (task->why == STOP_NOT_NEEDED && ending->outcome == CIPLUG_CANCELLED) {
        ending->outcome = CIPLUG_PASSED;
        ending->reason = "ended with the last step that needed it";
    } else if (is_service(p->step) && task->why == STOP_NONE && ending->outcome == CIPLUG_PASSED) {
        ending->outcome = CIPLUG_FAILED;
        ending->reason =
            task->ready ? "ended before the steps that need it" : "ended before it was ready";
    }
}

static void finish_final(struct schedule *schedule, struct progress *p, struct task *task,
                         struct ending *ending)
{
    ending->final = true;
    bool bad = outcome_bad(ending->outcome);
    if (task->from) {
        task->from->open--;
        task->from->failed |= bad;
    }
    if (ending->outcome == CIPLUG_PASSED)
        judge_flaky(task, ending);
    bad = outcome_bad(ending->outcome);
    task->state = TASK_ENDED;
    p->units[ending->outcome] += task->n_units;
    if (!bad)
        return;
    if (is_service(p->step) && task->why == STOP_NONE)
        service_died(schedule, p);
    if (p->step->allow_failure || ending->outcome == CIPLUG_CANCELLED)
        return;
    p->failed = true;
    if (p->step->fail_fast)
        stop_step(schedule, p, STOP_FAIL_FAST, "another command of the step failed");
    fail_run(schedule, p->step);
}

void schedule_finished(struct schedule *schedule, struct task *task, uint64_t now_ns,
                       struct ending *ending)
{
    struct progress *p = progress_of(schedule, task->step);
    p->running--;
    schedule->running--;
    schedule_release_slots(schedule, task);
    schedule_release_locks(schedule, task);
    judge_stop(p, task, ending);
    bool undecided = p->step->batch && !task->from && task->n_units > 1 &&
                     outcome_bad(ending->outcome) && ending->outcome != CIPLUG_CANCELLED &&
                     !schedule->cancelled && !p->stopped;
    if (undecided) {
        ending->by_item = true;
        task->state = TASK_ENDED;
        split_batch(schedule, p, task);
    } else if (may_retry(schedule, p, task, ending->outcome)) {
        ending->retry_ns = retry_delay(schedule, task);
        task->not_before_ns = ending->retry_ns ? now_ns + ending->retry_ns : 0;
        task->avoid = task->pinned ? 0 : task->slot;
        task->state = TASK_PENDING;
        pending_push(p, task);
    } else {
        finish_final(schedule, p, task, ending);
    }
    close_if_done(schedule, p);
}

/* --- questions --- */

bool schedule_started(const struct schedule *schedule, const struct step *step)
{
    return progress_of(schedule, step)->started;
}

bool schedule_empty(const struct schedule *schedule)
{
    return schedule->empty;
}

bool schedule_failed(const struct schedule *schedule)
{
    return schedule->failed;
}

size_t schedule_running(const struct schedule *schedule)
{
    return schedule->running;
}

void schedule_each_running(const struct schedule *schedule,
                           void (*each)(void *data, struct task *task), void *data)
{
    for (size_t i = 0; i < schedule->n_open; i++) {
        const struct progress *p = schedule->open[i];
        for (size_t k = 0; k < p->n_tasks; k++) {
            if (p->tasks[k]->state == TASK_RUNNING || p->tasks[k]->state == TASK_STOPPING)
                each(data, p->tasks[k]);
        }
    }
}

const struct task *const *schedule_tasks(const struct schedule *schedule, const struct step *step,
                                         size_t *n)
{
    const struct progress *p = progress_of(schedule, step);
    *n = p->n_tasks;
    return (const struct task *const *)p->tasks;
}
