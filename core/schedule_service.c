/* SPDX-License-Identifier: MIT */
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

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
        any |= users[i] && p->step->selected;
        if (users[i] && p->state != PROGRESS_ENDED)
            return true;
        others |= !step_is_service(p->step) && p->state != PROGRESS_ENDED;
    }
    /* One that nobody needs by name stays as long as there is anything to do. */
    return !any && others;
}

void schedule_stop_running(struct schedule *schedule, struct progress *p, enum stop_why why)
{
    for (size_t i = 0; i < p->n_tasks; i++) {
        struct task *task = p->tasks[i];
        if (task->state != TASK_RUNNING)
            continue;
        task->state = TASK_STOPPING;
        schedule->idle_services -= task->ready;
        task->why = why;
        schedule_push(schedule,
                      (struct action){.kind = ACTION_STOP, .step = p->step, .task = task});
    }
}

void schedule_release_services(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->n_open; i++) {
        struct progress *p = schedule->open[i];
        bool due = p->satisfied || p->stopped;
        if (step_is_service(p->step) && due && !service_in_use(schedule, p))
            schedule_stop_running(schedule, p, STOP_NOT_NEEDED);
    }
}

/* All commands of the service are ready: who needs it may start. */
static void check_ready(struct schedule *schedule, struct progress *p)
{
    if (p->n_pending || !p->running || p->stopped)
        return;
    for (size_t i = 0; i < p->n_tasks; i++) {
        if (p->tasks[i]->state != TASK_ENDED && !p->tasks[i]->ready)
            return;
    }
    p->satisfied = true;
    for (size_t i = 0; i < p->n_dependents; i++)
        schedule_look_at(schedule, p->dependents[i]);
    schedule_release_services(schedule);
}

void schedule_ready(struct schedule *schedule, struct task *task)
{
    if (task->ready || task->state != TASK_RUNNING)
        return;
    task->ready = true;
    schedule->idle_services++;
    schedule_release_slots(schedule, task);
    check_ready(schedule, progress_of(schedule, task->step));
}

static void stop_users(struct schedule *schedule, const struct progress *service)
{
    AUTO_FREE bool *users = xcalloc(schedule->n_steps, sizeof *users);
    mark_users(schedule, service->step->index, users);
    for (size_t i = 0; i < schedule->n_steps; i++) {
        if (!users[i])
            continue;
        if (!service->step->allow_failure)
            schedule->steps[i].gone = service->step;
        schedule_stop_step(schedule, &schedule->steps[i], STOP_SERVICE_DIED,
                           "a service that it needs has ended");
        schedule_look_at(schedule, i);
    }
}

void schedule_service_ended(struct schedule *schedule, struct progress *service, bool bad)
{
    if (!bad) {
        check_ready(schedule, service);
        return;
    }
    service->stopped = true;
    schedule_stop_running(schedule, service, STOP_SERVICE_PART);
    stop_users(schedule, service);
    schedule_stop_step(schedule, service, STOP_SERVICE_PART,
                       "another command of the service has ended");
}
