/* SPDX-License-Identifier: MIT */
#include "safeguard.h"
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* --- the end --- */

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
    schedule_push(schedule, (struct action){.kind = ACTION_CLOSE,
                                            .step = p->step,
                                            .outcome = outcome,
                                            .reason = p->reason ? p->reason : ""});
    for (size_t i = 0; i < p->n_dependents; i++)
        schedule_look_at(schedule, p->dependents[i]);
    schedule_release_services(schedule);
}

void schedule_close_if_done(struct schedule *schedule, struct progress *p)
{
    if (p->state != PROGRESS_OPEN || p->running || p->n_pending || p->taken_rest < p->n_rest)
        return;
    int outcome = step_outcome(p);
    end_step(schedule, p, outcome,
             !outcome_bad(outcome) || (p->step->allow_failure && outcome != CIPLUG_CANCELLED));
}

void schedule_drop(struct schedule *schedule, struct progress *p, struct task *task, int outcome,
                   const char *reason)
{
    task->state = TASK_ENDED;
    p->units[outcome] += task->n_units;
    if (task->from)
        task->from->failed = true;
    schedule_push(schedule, (struct action){.kind = ACTION_DROP,
                                            .step = p->step,
                                            .task = task,
                                            .outcome = outcome,
                                            .reason = reason});
}

/* Everything of the step that has not started leaves as `outcome`. */
static void drop_rest(struct schedule *schedule, struct progress *p, int outcome,
                      const char *reason)
{
    while (p->n_pending) {
        struct task *task = p->pending[p->first_pending];
        pending_remove(p, p->first_pending);
        /* It failed, and that its retry never came does not undo it. */
        if (task->failed_as)
            schedule_drop(schedule, p, task, task->failed_as,
                          "failed, and its retry was not started");
        else
            schedule_drop(schedule, p, task, outcome, reason);
    }
    if (p->taken_rest < p->n_rest) {
        struct task *task =
            task_new(p, p->next_number++, p->rest + p->taken_rest, p->n_rest - p->taken_rest);
        p->taken_rest = p->n_rest;
        schedule_drop(schedule, p, task, outcome, reason);
    }
}

void schedule_stop_step(struct schedule *schedule, struct progress *p, enum stop_why why,
                        const char *reason)
{
    if (p->state != PROGRESS_OPEN)
        return;
    p->stopped = true;
    if (why != STOP_NONE)
        schedule_stop_running(schedule, p, why);
    drop_rest(schedule, p, CIPLUG_CANCELLED, reason);
    schedule_close_if_done(schedule, p);
}

/* --- the beginning --- */

static bool unit_carried(const struct progress *p, size_t unit)
{
    return p->carried && p->carried[unit];
}

static void drop_carried(struct schedule *schedule, struct progress *p, uint32_t number,
                         const size_t *units, size_t n)
{
    struct task *task = task_new(p, number, units, n);
    task->carried = true;
    schedule_drop(schedule, p, task, CIPLUG_SKIPPED, p->carried[units[0]]);
}

/* Units of a planned command that are to run become one task, those that were carried another. */
static void make_task(struct schedule *schedule, struct progress *p, const struct planned *planned)
{
    AUTO_FREE size_t *left = xcalloc(planned->n, sizeof *left);
    AUTO_FREE size_t *carried = xcalloc(planned->n, sizeof *carried);
    size_t n = 0, n_carried = 0;
    for (size_t i = 0; i < planned->n; i++) {
        size_t unit = planned->units[i];
        if (unit_carried(p, unit))
            carried[n_carried++] = unit;
        else
            left[n++] = unit;
    }
    if (p->next_number <= planned->number)
        p->next_number = planned->number + 1;
    if (n_carried > 0)
        drop_carried(schedule, p, planned->number, carried, n_carried);
    if (n == 0)
        return;
    struct task *task = task_new(p, planned->number, left, n);
    if (p->step->per != PER_COMMAND)
        task->pinned = plan_nth_slot(schedule->plan, p->step, planned->number - 1);
    pending_push(p, task);
}

/* What is in none of the planned commands is left to batches. */
static void make_rest(struct schedule *schedule, struct progress *p)
{
    AUTO_FREE bool *taken = xcalloc(p->step->n_units, sizeof *taken);
    for (size_t i = 0; i < p->step->n_commands; i++) {
        for (size_t k = 0; k < p->step->commands[i].n; k++)
            taken[p->step->commands[i].units[k]] = true;
    }
    p->rest = xcalloc(p->step->n_units, sizeof *p->rest);
    for (size_t unit = 0; unit < p->step->n_units; unit++) {
        if (!taken[unit] && unit_carried(p, unit))
            drop_carried(schedule, p, p->next_number++, &unit, 1);
        else if (!taken[unit])
            p->rest[p->n_rest++] = unit;
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
    schedule_push(schedule, (struct action){
                                .kind = ACTION_BEGIN, .step = p->step, .units = p->step->n_units});
    for (size_t i = 0; i < p->step->n_commands; i++)
        make_task(schedule, p, &p->step->commands[i]);
    if (p->step->batch)
        make_rest(schedule, p);
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
    if (p->gone) {
        *failed = p->gone;
        return NEEDS_FAILED;
    }
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

bool schedule_leave_if_late(struct schedule *schedule, struct progress *p)
{
    const struct step *failed = NULL;
    enum needs needs = needs_of(schedule, p, &failed);
    bool opening = p->state == PROGRESS_OPENING;
    if (schedule->cancelled) {
        leave_step(schedule, p, CIPLUG_CANCELLED, schedule->cancel_reason, false);
    } else if (needs == NEEDS_FAILED) {
        AUTO_FREE char *reason = xasprintf("needs %s, which did not pass", failed->name);
        leave_step(schedule, p, CIPLUG_SKIPPED, reason, false);
    } else if (schedule->failed && schedule->mode == FAILURE_FINISH_STEPS && needs == NEEDS_MET) {
        /* What waits for a step that still runs is told apart only when that has ended. */
        leave_step(schedule, p, CIPLUG_CANCELLED, "not started after a failure", false);
    } else {
        return false;
    }
    schedule->opening -= opening;
    return true;
}

void schedule_check_step(struct schedule *schedule, struct progress *p)
{
    const struct step *failed;
    if (p->state != PROGRESS_WAITING || schedule_leave_if_late(schedule, p) ||
        needs_of(schedule, p, &failed) != NEEDS_MET)
        return;
    p->state = PROGRESS_OPENING;
    schedule->opening++;
    schedule_push(schedule, (struct action){.kind = ACTION_OPEN, .step = p->step});
}

void schedule_opened(struct schedule *schedule, struct step *step, enum opened opened,
                     const char *reason)
{
    struct progress *p = progress_of(schedule, step);
    if (p->state != PROGRESS_OPENING || schedule_leave_if_late(schedule, p))
        return;
    schedule->opening--;
    if (opened == OPENED_SKIP) {
        leave_step(schedule, p, CIPLUG_SKIPPED, reason, true);
    } else if (opened == OPENED_ERROR) {
        leave_step(schedule, p, CIPLUG_ERROR, reason, step->allow_failure);
        if (!step->allow_failure)
            schedule_fail_run(schedule, step);
    } else if (step->n_units == 0 && !step->allow_empty && SAFEGUARD(nothing_is_no_pass)) {
        schedule->empty = true;
        leave_step(schedule, p, CIPLUG_ERROR, "it found no item", false);
        schedule_fail_run(schedule, step);
    } else {
        begin_step(schedule, p);
        p->started = p->n_pending > 0 || p->n_rest > 0 || step->n_units == 0;
        schedule_close_if_done(schedule, p);
    }
}
