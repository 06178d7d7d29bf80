/* SPDX-License-Identifier: MIT */
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

void schedule_push(struct schedule *schedule, struct action action)
{
    if (schedule->next_action == schedule->n_actions)
        schedule->next_action = schedule->n_actions = 0;
    ARRAY_GROW(schedule->actions, schedule->n_actions, schedule->a_actions);
    schedule->actions[schedule->n_actions++] = action;
}

void schedule_look_at(struct schedule *schedule, size_t index)
{
    if (schedule->next_check == schedule->n_check)
        schedule->next_check = schedule->n_check = 0;
    ARRAY_GROW(schedule->check, schedule->n_check, schedule->a_check);
    schedule->check[schedule->n_check++] = index;
}

void schedule_look_at_all(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->n_steps; i++) {
        if (schedule->steps[i].state == PROGRESS_WAITING)
            schedule_look_at(schedule, i);
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
    schedule->reserved = xcalloc(plan->n_slots + 1, sizeof *schedule->reserved);
    schedule->hosts = xcalloc(plan->n_hosts, sizeof *schedule->hosts);
    for (size_t i = 0; i < schedule->n_steps; i++) {
        struct progress *p = &schedule->steps[i];
        p->step = &steps[i];
        p->next_number = 1;
        if (p->step->ramps)
            p->on_ramp = xcalloc(p->step->hosts.n, sizeof *p->on_ramp);
        connect(schedule, i);
        if (!p->step->selected) {
            p->state = PROGRESS_ENDED;
            p->satisfied = true;
            continue;
        }
        schedule->open_steps++;
    }
    schedule_look_at_all(schedule);
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
    free(p->on_ramp);
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
    free(schedule->reserved);
    free(schedule->hosts);
    free(schedule->homeless);
    strv_free(&schedule->locks);
    free(schedule->actions);
    free(schedule->check);
    free(schedule->cancel_reason);
    free(schedule);
}

/* What happened since the action was thought of may have overtaken it. */
static bool action_stands(struct schedule *schedule, const struct action *action)
{
    if (action->kind == ACTION_STOP)
        return action->task->state == TASK_STOPPING;
    if (action->kind == ACTION_OPEN)
        return !schedule_leave_if_late(schedule, progress_of(schedule, action->step));
    return true;
}

static bool stalled(const struct schedule *schedule)
{
    return schedule->open_steps > 0 && schedule->running == schedule->idle_services &&
           schedule->opening == 0 && schedule->wake_ns == 0 && schedule->n_away == 0;
}

bool schedule_next(struct schedule *schedule, uint64_t now_ns, struct action *action)
{
    for (;;) {
        if (schedule->next_action < schedule->n_actions) {
            *action = schedule->actions[schedule->next_action++];
            if (action_stands(schedule, action))
                return true;
        } else if (schedule->next_check < schedule->n_check) {
            size_t index = schedule->check[schedule->next_check++];
            schedule_check_step(schedule, &schedule->steps[index]);
        } else if (schedule_place(schedule, now_ns, action)) {
            return true;
        } else if (schedule_drop_homeless(schedule)) {
            continue;
        } else if (!stalled(schedule) || !schedule_break_stall(schedule)) {
            return false;
        }
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

void schedule_cancel(struct schedule *schedule, const char *reason)
{
    schedule_cancel_all(schedule, STOP_CANCEL, reason);
}

void schedule_halt(struct schedule *schedule, const char *reason)
{
    schedule_cancel_all(schedule, STOP_NONE, reason);
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
