/* SPDX-License-Identifier: MIT
 *
 * What a test of the schedule has seen, and what must hold whatever happens: fake-executor.h.
 */
#ifndef CIPLUG_TESTS_FAKE_SEEN_H
#define CIPLUG_TESTS_FAKE_SEEN_H

#include "plan-place.h"
#include "schedule.h"

#define RUNNING_MAX 64
#define STEPS_MAX   32
#define UNITS_MAX   4096

static const char *const outcome_names[] = {"none",    "passed", "failed",    "signaled",
                                            "timeout", "error",  "cancelled", "skipped"};

/* What is known of a step from the outside. */
struct seen {
    bool asked, begun, closed,
        dead; /* asked: its `if`; dead: a service that ended before its users */
    int outcome;
    uint64_t units, finals;
    uint8_t verdicts[UNITS_MAX];
    uint32_t ready, weight;
};

static struct schedule *schedule;
static uint64_t now_ns;
static unsigned jitter_per_mille;
static struct task *running[RUNNING_MAX];
static size_t n_running;
static struct task *owners[RUNNING_MAX + 1];
static struct strv held;
static struct seen seen[STEPS_MAX];
static bool is_cleanup, forbidden; /* forbidden: cancelled, nothing may start any more */
static struct strbuf trace;
static struct ending last; /* what schedule_finished() said */
static enum host_state host_states[8];
static bool lost;                          /* what ends next was lost with its host */
static struct verdict verdicts[UNITS_MAX]; /* of the units of what ended last */
static bool judged;                  /* what ends next has verdicts: their outcomes are filled in */
static const char *last_reason;      /* of the last ACTION_DROP or ACTION_CLOSE */
static const struct task *last_task; /* of the last ACTION_START or ACTION_STOP */

static inline struct step *mutable_step(const char *name)
{
    return (struct step *)(uintptr_t)step_named(name);
}

static inline struct seen *seen_of(const struct step *step)
{
    assert_true(step->index < STEPS_MAX);
    return &seen[step->index];
}

static inline void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void say(const char *format, ...)
{
    va_list args;
    if (trace.len)
        strbuf_addch(&trace, ' ');
    va_start(args, format);
    strbuf_vaddf(&trace, format, args);
    va_end(args);
}

/* The names in `lock`, with {worker} filled in. */
static inline void fake_locks(void *data, const struct task *task, uint32_t slot,
                              struct strv *names)
{
    (void)data;
    const char *text = task->step->lock.text;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    while (text && *text) {
        if (str_starts(text, "{worker}")) {
            strbuf_addf(&out, "%u", (unsigned)slot);
            text += strlen("{worker}");
        } else {
            strbuf_addch(&out, *text++);
        }
    }
    strv_split(names, strbuf_text(&out));
}

static inline unsigned fake_jitter(void *data)
{
    (void)data;
    return jitter_per_mille;
}

/* --- what must always hold --- */

static inline bool need_met(const struct step *need)
{
    const struct seen *s = seen_of(need);
    if (!need->selected)
        return true;
    if (need->ready.text && !s->closed)
        return s->ready > 0 && !s->dead;
    return s->closed && (s->outcome == CIPLUG_PASSED || s->outcome == CIPLUG_SKIPPED ||
                         (need->allow_failure && s->outcome != CIPLUG_CANCELLED));
}

static inline void check_needs(const struct step *step)
{
    if (is_cleanup) {
        assert_true(step->index == 0 || seen[step->index - 1].closed);
        return;
    }
    for (size_t i = 0; i < step->n_needs; i++)
        assert_true(need_met(&plan.steps[step->needs[i]]));
}

static inline void check_start(const struct task *task)
{
    assert_false(forbidden);
    assert_true(seen_of(task->step)->begun && !seen_of(task->step)->closed);
    check_needs(task->step);
    assert_int_equal(task->n_slots, task->pinned ? 1 : task->step->weight);
    assert_int_equal(task->slot, task->slots[0]);
    assert_int_equal(host_states[plan_slot_host(&plan, task->slot) - plan.hosts], HOST_USABLE);
    for (size_t i = 0; i < task->n_slots; i++) {
        assert_true(plan_slot_allowed(&plan, task->step, task->slots[i]));
        assert_ptr_equal(plan_slot_host(&plan, task->slots[i]), plan_slot_host(&plan, task->slot));
    }
    if (task->pinned)
        assert_int_equal(task->slot, task->pinned);
    for (size_t i = 1; i < task->n_units; i++)
        assert_true(
            plan_same_cell(&task->step->units[task->units[0]], &task->step->units[task->units[i]]));
}

/* No more commands of the step on its host than `ramp` allows. */
static inline void check_ramp(const struct task *task)
{
    const struct host *host = plan_slot_host(&plan, task->slot);
    const struct config_value *ramp = plan_option(&plan, task->step, host, "docker", "ramp");
    uint32_t n = 0;
    for (size_t i = host->first; i < host->first + host->slots; i++)
        n += owners[i] && owners[i]->step == task->step && owners[i]->slot == i;
    if (ramp && task->step->n_uses > 0)
        assert_true(n <= (uint32_t)atoi(ramp->value));
}

static inline void hold(struct task *task)
{
    AUTO_STRV struct strv names = STRV_INIT;
    for (size_t i = 0; i < task->n_slots; i++) {
        assert_null(owners[task->slots[i]]);
        owners[task->slots[i]] = task;
    }
    seen_of(task->step)->weight += task->n_slots;
    if (!task->pinned)
        assert_true(seen_of(task->step)->weight <= plan_step_slots(&plan, task->step));
    check_ramp(task);
    fake_locks(NULL, task, task->slot, &names);
    for (size_t i = 0; i < names.n; i++)
        assert_false(strv_has(&held, names.v[i]));
    strv_copy(&held, &names);
    assert_true(n_running < RUNNING_MAX);
    running[n_running++] = task;
}

static inline void let_slots_go(const struct task *task)
{
    for (size_t i = 1; i <= plan.n_slots; i++) {
        if (owners[i] == task) {
            owners[i] = NULL;
            seen_of(task->step)->weight--;
        }
    }
}

static inline void let_go(const struct task *task)
{
    AUTO_STRV struct strv names = STRV_INIT, left = STRV_INIT;
    let_slots_go(task);
    fake_locks(NULL, task, task->slot, &names);
    for (size_t i = 0; i < held.n; i++) {
        if (!strv_has(&names, held.v[i]))
            strv_push(&left, held.v[i]);
    }
    strv_clear(&held);
    strv_copy(&held, &left);
    for (size_t i = 0; i < n_running; i++) {
        if (running[i] == task)
            running[i--] = running[--n_running];
    }
}

static inline void verdict(const struct task *task, int outcome)
{
    struct seen *s = seen_of(task->step);
    assert_true(s->begun && !s->closed);
    assert_in_range(outcome, CIPLUG_PASSED, CIPLUG_SKIPPED);
    s->finals += task->n_units;
    for (size_t i = 0; i < task->n_units; i++) {
        assert_true(task->units[i] < UNITS_MAX && task->units[i] < task->step->n_units);
        assert_int_equal(s->verdicts[task->units[i]], 0);
        s->verdicts[task->units[i]] = (uint8_t)outcome;
    }
}

/* A step came to what the worst of its units did. */
static inline void check_outcome(const struct seen *s, int outcome)
{
    static const int worst_first[] = {CIPLUG_FAILED, CIPLUG_TIMEOUT,   CIPLUG_SIGNALED,
                                      CIPLUG_ERROR,  CIPLUG_CANCELLED, CIPLUG_PASSED,
                                      CIPLUG_SKIPPED};
    for (size_t i = 0; s->units > 0 && i < ARRAY_SIZE(worst_first); i++) {
        if (!memchr(s->verdicts, worst_first[i], s->units))
            continue;
        assert_int_equal(outcome, worst_first[i]);
        return;
    }
}

/* Each unit is a command of its own now, which goes on from the attempt of the one that it was in;
 * `told`: what its results said. */
static inline void check_verdict(const struct task *task, size_t at, int told)
{
    const struct verdict *v = &verdicts[at];
    assert_non_null(v->task);
    assert_ptr_equal(v->task->step, task->step);
    assert_int_equal(v->task->n_units, 1);
    assert_int_equal(v->task->units[0], task->units[at]);
    assert_true(v->task->number > task->number);
    assert_int_equal(v->task->attempt, task->attempt);
    assert_int_equal(v->task->batch, told ? task->number : 0);
    assert_false(v->ending.by_item || v->ending.requeued);
    if (!told)
        assert_false(v->ending.final);
    if (told == CIPLUG_PASSED || told == CIPLUG_SKIPPED)
        assert_true(v->ending.final);
    bool may_fail = told == CIPLUG_PASSED && task->step->flaky_fails;
    assert_true(v->ending.outcome == told || (may_fail && v->ending.outcome == CIPLUG_FAILED));
    if (v->ending.final)
        verdict(v->task, v->ending.outcome);
}

static inline void check_verdicts(const struct task *task, const uint8_t *told)
{
    bool unknown = false;
    assert_false(last.final);
    assert_int_equal(task->state, last.requeued ? TASK_PENDING : TASK_ENDED);
    for (size_t i = 0; i < task->n_units; i++) {
        if (last.requeued)
            assert_null(verdicts[i].task);
        else
            check_verdict(task, i, told[i]);
        unknown |= !told[i] && !last.requeued;
    }
    assert_int_equal(last.by_item, unknown);
    assert_int_equal(!!(last.flags & CIPLUG_FLAG_JUDGED), !last.requeued);
}

#endif
