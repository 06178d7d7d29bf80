/* SPDX-License-Identifier: MIT */
#include "schedule_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

struct task *task_new(struct progress *p, uint32_t number, const size_t *units, size_t n)
{
    struct task *task = xcalloc(1, sizeof *task);
    task->step = p->step;
    task->number = number;
    task->units = xmemdup(units, n * sizeof *units);
    task->n_units = n;
    ARRAY_GROW(p->tasks, p->n_tasks, p->a_tasks);
    p->tasks[p->n_tasks++] = task;
    return task;
}

void task_free(struct task *task)
{
    free(task->units);
    free(task->slots);
    free(task->log_out);
    strv_free(&task->locks);
    free(task);
}

void pending_push(struct progress *p, struct task *task)
{
    size_t end = p->first_pending + p->n_pending;
    ARRAY_GROW(p->pending, end, p->a_pending);
    p->pending[end] = task;
    p->n_pending++;
}

void pending_remove(struct progress *p, size_t at)
{
    if (p->formed == p->pending[at])
        p->formed = NULL;
    p->n_pending--;
    size_t before = at - p->first_pending;
    if (before == 0)
        p->first_pending = p->n_pending ? p->first_pending + 1 : 0;
    else
        memmove(&p->pending[at], &p->pending[at + 1], (p->n_pending - before) * sizeof *p->pending);
}

/* The host of the slot, as an index into step->hosts. */
static size_t place_of(const struct plan *plan, const struct step *step, uint32_t slot)
{
    size_t host = (size_t)(plan_slot_host(plan, slot) - plan->hosts), i = 0;
    while (i + 1 < step->hosts.n && step->on_hosts[i] != host)
        i++;
    return i;
}

/* Whether as many commands of the step as may run at once on that host do. */
static bool ramp_full(const struct schedule *schedule, const struct step *step, size_t host)
{
    const struct progress *p = progress_of(schedule, step);
    return p->on_ramp && step->ramps[host] && p->on_ramp[host] >= step->ramps[host];
}

static bool slot_free(const struct schedule *schedule, const struct step *step, uint32_t slot)
{
    return !schedule->slots[slot] && !schedule->reserved[slot] &&
           schedule_slot_open(schedule, slot) &&
           !(step->ramps && ramp_full(schedule, step, place_of(schedule->plan, step, slot)));
}

static bool slot_usable(const struct schedule *schedule, const struct step *step, uint32_t slot)
{
    return slot_free(schedule, step, slot) && plan_slot_allowed(schedule->plan, step, slot) &&
           !schedule_slot_aside(schedule, step, slot);
}

/* How much of what a retry prefers counts: another host than the last time, another slot. */
enum wish { WISH_HOST, WISH_SLOT, WISH_NOTHING };

static bool unwanted(const struct schedule *schedule, const struct task *task, enum wish wish,
                     uint32_t slot)
{
    if (!task->avoid || wish == WISH_NOTHING)
        return false;
    return slot == task->avoid ||
           (wish == WISH_HOST &&
            plan_slot_host(schedule->plan, slot) == plan_slot_host(schedule->plan, task->avoid));
}

/* The lowest free slots that the task may take, `weight` of them on one host. How many. */
static size_t find_slots(const struct schedule *schedule, const struct task *task, enum wish wish,
                         uint32_t *found)
{
    size_t n = 0, weight = task->step->weight;
    if (task->pinned) {
        if (slot_free(schedule, task->step, task->pinned))
            found[n++] = task->pinned;
        return n;
    }
    const struct host *host = NULL;
    for (uint32_t slot = 1; slot <= schedule->plan->n_slots && n < weight; slot++) {
        if (unwanted(schedule, task, wish, slot) || !slot_usable(schedule, task->step, slot))
            continue;
        const struct host *its = plan_slot_host(schedule->plan, slot);
        if (its != host)
            n = 0;
        host = its;
        found[n++] = slot;
    }
    return n;
}

static bool locks_free(const struct schedule *schedule, struct task *task, uint32_t slot)
{
    strv_clear(&task->locks);
    if (schedule->hooks.locks)
        schedule->hooks.locks(schedule->hooks.data, task, slot, &task->locks);
    for (size_t i = 0; i < task->locks.n; i++) {
        if (strv_has(&schedule->locks, task->locks.v[i]))
            return false;
    }
    return true;
}

static void take(struct schedule *schedule, struct progress *p, struct task *task,
                 const uint32_t *slots, size_t n)
{
    task->slots = xrealloc(task->slots, n * sizeof *slots);
    memcpy(task->slots, slots, n * sizeof *slots);
    task->n_slots = n;
    task->slot = slots[0];
    for (size_t i = 0; i < n; i++)
        schedule->slots[slots[i]] = task;
    strv_copy(&schedule->locks, &task->locks);
    task->state = TASK_RUNNING;
    task->attempt++;
    p->running++;
    p->weight_running += n;
    if (p->on_ramp)
        p->on_ramp[place_of(schedule->plan, p->step, task->slot)]++;
    schedule->running++;
}

enum placed { PLACED, BLOCKED_BY_LOCK, BLOCKED_BY_SLOT };

static enum placed try_task(struct schedule *schedule, struct progress *p, struct task *task,
                            enum wish wish)
{
    /* A pinned command takes its own place and no other, whatever its weight. */
    size_t weight = task->pinned ? 1 : p->step->weight;
    if (weight == 0 || weight > schedule->plan->n_slots)
        return BLOCKED_BY_SLOT;
    if (!task->pinned && p->weight_running + weight > plan_step_slots(schedule->plan, p->step))
        return BLOCKED_BY_SLOT;
    AUTO_FREE uint32_t *found = xcalloc(weight, sizeof *found);
    if (find_slots(schedule, task, wish, found) < weight)
        return BLOCKED_BY_SLOT;
    if (!locks_free(schedule, task, found[0]))
        return BLOCKED_BY_LOCK;
    take(schedule, p, task, found, weight);
    return PLACED;
}

static bool any_slot_free(const struct schedule *schedule, const struct step *step)
{
    for (uint32_t slot = 1; slot <= schedule->plan->n_slots; slot++) {
        if (slot_usable(schedule, step, slot))
            return true;
    }
    return false;
}

/* `auto` starts with large batches, so that little is spent on starting, and ends with single
 * items, so that all workers end together (guided self-scheduling: half of an even share each
 * time). */
static size_t batch_size(const struct schedule *schedule, const struct progress *p)
{
    size_t left = p->n_rest - p->taken_rest;
    size_t size = p->step->batch;
    if (p->step->batch == UINT32_MAX) {
        size_t shares = 2 * (size_t)plan_step_slots(schedule->plan, p->step);
        size = (left + shares - 1) / (shares ? shares : 1);
    }
    if (size > left)
        size = left;
    /* {py} and the like have one value in a command: a batch ends with its cell of the matrix. */
    const struct unit *units = p->step->units;
    const size_t *next = p->rest + p->taken_rest;
    for (size_t i = 1; i < size; i++) {
        if (!plan_same_cell(&units[next[0]], &units[next[i]]))
            return i;
    }
    return size;
}

void schedule_form_batch(struct schedule *schedule, struct progress *p)
{
    size_t n = batch_size(schedule, p);
    struct task *task = task_new(p, p->next_number++, p->rest + p->taken_rest, n);
    p->taken_rest += n;
    p->formed = task;
    pending_push(p, task);
}

static void note_wake(struct schedule *schedule, uint64_t when_ns)
{
    if (!schedule->wake_ns || when_ns < schedule->wake_ns)
        schedule->wake_ns = when_ns;
}

/* Whether the step, within its own limit, could start one more command. */
static bool has_room(const struct schedule *schedule, const struct progress *p)
{
    return p->step->per != PER_COMMAND ||
           p->weight_running + p->step->weight <= plan_step_slots(schedule->plan, p->step);
}

/* The step waits for several slots of one host: lighter commands of later steps do not take them
 * away one by one. */
static void reserve(struct schedule *schedule, const struct progress *p)
{
    const struct plan *plan = schedule->plan;
    for (size_t i = 0; i < p->step->hosts.n; i++) {
        const struct host *host = &plan->hosts[p->step->on_hosts[i]];
        uint32_t n = 0;
        if (ramp_full(schedule, p->step, i))
            continue;
        for (uint32_t slot = host->first; slot < host->first + host->slots; slot++)
            n += plan_slot_allowed(plan, p->step, slot);
        for (uint32_t slot = host->first; slot < host->first + host->slots; slot++)
            schedule->reserved[slot] |=
                n >= p->step->weight && plan_slot_allowed(plan, p->step, slot);
    }
}

/* The same for all commands of the step. */
static bool same_lock(const struct step *step)
{
    return step->lock.text && !strchr(step->lock.text, '{');
}

enum tried { TRIED_NOTHING, TRIED_PLACED, TRIED_BLOCKED };

/* Try the pending commands in order; what is placed is *task. A retry prefers another worker than
 * the one before: such a wish counts in the first passes, and is forgotten in the last, when
 * nothing else of the step would use the slot. */
static enum tried try_pending(struct schedule *schedule, struct progress *p, uint64_t now_ns,
                              enum wish wish, struct task **task)
{
    for (size_t i = 0; i < p->n_pending; i++) {
        size_t at = p->first_pending + i;
        *task = p->pending[at];
        if ((*task)->not_before_ns > now_ns) {
            note_wake(schedule, (*task)->not_before_ns);
            continue;
        }
        enum placed placed = try_task(schedule, p, *task, wish);
        if (placed == PLACED) {
            pending_remove(p, at);
            return TRIED_PLACED;
        }
        bool wishes = (*task)->avoid && wish != WISH_NOTHING;
        if (placed == BLOCKED_BY_SLOT && !(*task)->pinned && !wishes)
            return TRIED_BLOCKED;
        if (placed == BLOCKED_BY_LOCK && same_lock(p->step))
            return TRIED_NOTHING;
    }
    return TRIED_NOTHING;
}

static enum tried try_all(struct schedule *schedule, struct progress *p, uint64_t now_ns,
                          struct task **task)
{
    enum tried tried = TRIED_NOTHING;
    /* Where there is one host only, it cannot be avoided. */
    for (enum wish wish = p->step->hosts.n > 1 ? WISH_HOST : WISH_SLOT;
         tried == TRIED_NOTHING && wish <= WISH_NOTHING; wish++)
        tried = try_pending(schedule, p, now_ns, wish, task);
    return tried;
}

static bool place_step(struct schedule *schedule, struct progress *p, uint64_t now_ns,
                       struct task **task)
{
    if (!has_room(schedule, p) || !any_slot_free(schedule, p->step))
        return false;
    enum tried tried = try_all(schedule, p, now_ns, task);
    /* Retries that wait for their time keep nobody. */
    if (tried == TRIED_NOTHING && !p->formed && p->taken_rest < p->n_rest) {
        schedule_form_batch(schedule, p);
        tried = try_all(schedule, p, now_ns, task);
    }
    if (tried == TRIED_BLOCKED && p->step->weight > 1)
        reserve(schedule, p);
    return tried == TRIED_PLACED;
}

bool schedule_place(struct schedule *schedule, uint64_t now_ns, struct action *action)
{
    schedule->wake_ns = 0;
    memset(schedule->reserved, 0, (schedule->plan->n_slots + 1) * sizeof *schedule->reserved);
    for (size_t i = 0; i < schedule->n_open; i++) {
        struct progress *p = schedule->open[i];
        struct task *task;
        if (p->stopped || (p->n_pending == 0 && p->taken_rest == p->n_rest))
            continue;
        if (place_step(schedule, p, now_ns, &task)) {
            *action = (struct action){.kind = ACTION_START, .step = p->step, .task = task};
            return true;
        }
    }
    return false;
}

void schedule_release_slots(struct schedule *schedule, struct task *task)
{
    for (size_t i = 0; i < task->n_slots; i++)
        schedule->slots[task->slots[i]] = NULL;
    struct progress *p = progress_of(schedule, task->step);
    p->weight_running -= task->n_slots;
    /* A service that got ready has let go of them before its end. */
    if (p->on_ramp && task->n_slots > 0)
        p->on_ramp[place_of(schedule->plan, p->step, task->slot)]--;
    task->n_slots = 0;
}

void schedule_release_locks(struct schedule *schedule, struct task *task)
{
    struct strv left = STRV_INIT;
    for (size_t i = 0; i < schedule->locks.n; i++) {
        if (!strv_has(&task->locks, schedule->locks.v[i]))
            strv_push(&left, schedule->locks.v[i]);
    }
    strv_free(&schedule->locks);
    schedule->locks = left;
    strv_clear(&task->locks);
}
