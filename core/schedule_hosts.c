/* SPDX-License-Identifier: MIT
 *
 * Hosts that come and go: where commands may start, what becomes of those whose host was lost, and
 * of a host on which, alone, one command after the other fails.
 */
#include "safeguard.h"
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define REQUEUES_MAX 3
#define ASIDE_ROW    3 /* failures in a row, only there */

static size_t host_of(const struct schedule *schedule, uint32_t slot)
{
    return (size_t)(plan_slot_host(schedule->plan, slot) - schedule->plan->hosts);
}

void schedule_host(struct schedule *schedule, size_t host, enum host_state state)
{
    schedule->hosts[host].state = state;
    schedule->n_away = schedule->n_gone = 0;
    for (size_t i = 0; i < schedule->plan->n_hosts; i++) {
        schedule->n_away += schedule->hosts[i].state == HOST_AWAY;
        schedule->n_gone += schedule->hosts[i].state == HOST_GONE;
    }
}

bool schedule_slot_open(const struct schedule *schedule, uint32_t slot)
{
    return schedule->hosts[host_of(schedule, slot)].state == HOST_USABLE;
}

/* Whether the step, by its `workers`, finds the slots for a command on that host. */
static bool can_use(const struct schedule *schedule, const struct step *step, size_t host)
{
    const struct host *its = &schedule->plan->hosts[host];
    uint32_t n = 0;
    for (uint32_t slot = its->first; slot < its->first + its->slots; slot++)
        n += plan_slot_allowed(schedule->plan, step, slot);
    return n >= step->weight;
}

/* Whether the step has another host than that one to go to, now or later. */
static bool has_other(const struct schedule *schedule, const struct step *step, size_t host)
{
    for (size_t i = 0; i < step->hosts.n; i++) {
        const struct host_view *view = &schedule->hosts[step->on_hosts[i]];
        if (step->on_hosts[i] != host && view->state != HOST_GONE && !view->aside &&
            can_use(schedule, step, step->on_hosts[i]))
            return true;
    }
    return false;
}

bool schedule_slot_aside(const struct schedule *schedule, const struct step *step, uint32_t slot)
{
    size_t host = host_of(schedule, slot);
    return schedule->hosts[host].aside && has_other(schedule, step, host);
}

/* ---- no host left ---- */

/* Whether a host that is not gone has the slots that a command of the step takes. */
static bool has_home(const struct schedule *schedule, const struct task *task,
                     const struct step *step)
{
    if (task && task->pinned)
        return schedule->hosts[host_of(schedule, task->pinned)].state != HOST_GONE;
    for (size_t i = 0; i < step->hosts.n; i++) {
        size_t host = step->on_hosts[i];
        if (schedule->hosts[host].state != HOST_GONE && can_use(schedule, step, host))
            return true;
    }
    return false;
}

static const char *homeless(struct schedule *schedule, const struct progress *p)
{
    AUTO_STRBUF struct strbuf names = STRBUF_INIT;
    for (size_t i = 0; i < p->step->hosts.n; i++) {
        if (schedule->hosts[p->step->on_hosts[i]].state == HOST_GONE)
            strbuf_addf(&names, "%s%s", names.len ? ", " : "", p->step->hosts.v[i]);
    }
    free(schedule->homeless);
    schedule->homeless = xasprintf("no host left: %s cannot be reached", strbuf_text(&names));
    return schedule->homeless;
}

bool schedule_drop_homeless(struct schedule *schedule)
{
    for (size_t i = 0; schedule->n_gone > 0 && i < schedule->n_open; i++) {
        struct progress *p = schedule->open[i];
        if (p->stopped)
            continue;
        if (p->n_pending == 0 && p->taken_rest < p->n_rest && !has_home(schedule, NULL, p->step))
            schedule_form_batch(schedule, p);
        for (size_t k = 0; k < p->n_pending; k++) {
            size_t at = p->first_pending + k;
            if (has_home(schedule, p->pending[at], p->step))
                continue;
            schedule_fail_pending(schedule, p, at, homeless(schedule, p));
            return true;
        }
    }
    return false;
}

/* ---- lost with its host ---- */

bool schedule_may_requeue(const struct schedule *schedule, const struct progress *p,
                          const struct task *task, const struct ending *ending)
{
    return ending->lost && ending->outcome == CIPLUG_ERROR && !schedule->cancelled && !p->stopped &&
           task->why == STOP_NONE && !task->ready && !p->step->on_host_loss_fail &&
           task->requeues < REQUEUES_MAX && SAFEGUARD(requeue_lost);
}

/* ---- failures of one host only ---- */

static bool others_work(const struct schedule *schedule, size_t host)
{
    for (size_t i = 0; i < schedule->plan->n_hosts; i++) {
        const struct host_view *view = &schedule->hosts[i];
        if (i != host && view->state == HOST_USABLE && !view->aside && view->passed)
            return true;
    }
    return false;
}

const struct host *schedule_judge_host(struct schedule *schedule, const struct task *task,
                                       int outcome)
{
    size_t host = host_of(schedule, task->slot);
    struct host_view *view = &schedule->hosts[host];
    if (task->why != STOP_NONE || outcome == CIPLUG_SKIPPED || outcome == CIPLUG_CANCELLED)
        return NULL;
    /* A row ends with a pass there, and with a failure elsewhere: then it is not the host. */
    for (size_t i = 0; outcome_bad(outcome) && i < schedule->plan->n_hosts; i++) {
        if (i != host)
            schedule->hosts[i].row = 0;
    }
    if (!outcome_bad(outcome)) {
        view->row = 0;
        view->passed = true;
        return NULL;
    }
    if (view->row++ == 0) {
        for (size_t i = 0; i < schedule->plan->n_hosts; i++)
            schedule->hosts[i].passed = false;
    }
    if (view->row < ASIDE_ROW || view->aside || !others_work(schedule, host) ||
        !SAFEGUARD(sick_hosts_rest))
        return NULL;
    view->aside = true;
    return &schedule->plan->hosts[host];
}
