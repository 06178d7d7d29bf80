/* SPDX-License-Identifier: MIT
 *
 * Drives a schedule without processes and without time: commands "run" until the test ends them,
 * the clock stands until the test moves it. What the schedule promises to everybody is checked at
 * every action: slots and locks are held once, needs are met, every unit gets one verdict.
 *
 * What happened comes back as a line of words:
 *   +a(3)       step a began, with three units
 *   a2@1        command 2 of a started on slot 1 (a2@1,2: on two slots)
 *   a2.3@1      the third attempt;  a2[4]@1  a command of four units
 *   stop:a2     is to be stopped
 *   drop:a2=cancelled  will never start
 *   -a=passed   step a has ended
 */
#ifndef CIPLUG_TESTS_FAKE_EXECUTOR_H
#define CIPLUG_TESTS_FAKE_EXECUTOR_H

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
static bool lost;                    /* what ends next was lost with its host */
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

/* --- the actions --- */

static inline const char *task_name(const struct task *task)
{
    static struct strbuf name;
    strbuf_clear(&name);
    strbuf_addf(&name, "%s%u", task->step->name, (unsigned)task->number);
    return strbuf_text(&name);
}

static inline void on_start(struct task *task)
{
    check_start(task);
    hold(task);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addstr(&text, task_name(task));
    if (task->attempt > 1)
        strbuf_addf(&text, ".%u", (unsigned)task->attempt);
    if (task->n_units > 1)
        strbuf_addf(&text, "[%zu]", task->n_units);
    for (size_t i = 0; i < task->n_slots; i++)
        strbuf_addf(&text, "%c%u", i ? ',' : '@', (unsigned)task->slots[i]);
    say("%s", strbuf_text(&text));
}

static inline void on_close(const struct action *action)
{
    struct seen *s = seen_of(action->step);
    assert_true(s->begun && !s->closed);
    assert_int_equal(s->units, s->finals);
    assert_int_equal(s->weight, 0);
    s->closed = true;
    s->outcome = action->outcome;
    say("-%s=%s", action->step->name, outcome_names[action->outcome]);
}

static inline void on_begin(const struct action *action)
{
    struct seen *s = seen_of(action->step);
    assert_true(!s->begun && action->step->selected);
    s->begun = true;
    s->units = action->units;
    say("+%s(%u)", action->step->name, (unsigned)action->units);
}

static inline void act(const struct action *action)
{
    if (action->kind == ACTION_DROP || action->kind == ACTION_CLOSE)
        last_reason = action->reason;
    if (action->kind == ACTION_START || action->kind == ACTION_STOP)
        last_task = action->task;
    switch (action->kind) {
    case ACTION_OPEN:
        assert_false(forbidden);
        if (action->step->if_command.text) {
            seen_of(action->step)->asked = true;
            say("if:%s", action->step->name);
        } else {
            schedule_opened(schedule, action->step, OPENED_RUN, NULL);
        }
        break;
    case ACTION_BEGIN:
        on_begin(action);
        break;
    case ACTION_START:
        on_start(action->task);
        break;
    case ACTION_STOP:
        assert_int_equal(action->task->state, TASK_STOPPING);
        assert_int_not_equal(action->task->why, STOP_NONE);
        say("stop:%s", task_name(action->task));
        break;
    case ACTION_DROP:
        assert_int_equal(action->task->state, TASK_ENDED);
        verdict(action->task, action->outcome);
        say("drop:%s=%s", task_name(action->task), outcome_names[action->outcome]);
        break;
    case ACTION_CLOSE:
        on_close(action);
        break;
    }
}

/* All that the schedule wants now. */
static inline const char *pump(void)
{
    struct action action;
    strbuf_clear(&trace);
    while (schedule_next(schedule, now_ns, &action))
        act(&action);
    assert_int_equal(schedule_running(schedule), n_running);
    return strbuf_text(&trace);
}

static inline struct task *running_task(const char *name)
{
    for (size_t i = 0; i < n_running; i++) {
        if (strcmp(task_name(running[i]), name) == 0)
            return running[i];
    }
    fail_msg("%s does not run", name);
    return NULL;
}

static inline void finish_task(struct task *task, int outcome, unsigned flags)
{
    struct seen *s = seen_of(task->step);
    let_go(task);
    last = (struct ending){
        .outcome = outcome, .flags = flags, .lost = lost, .rest_ns = lost ? 25 * NS_PER_S : 0};
    lost = false;
    schedule_finished(schedule, task, now_ns, &last);
    assert_false(last.final && (last.by_item || last.requeued));
    if (last.final)
        verdict(task, last.outcome);
    if (task->ready)
        s->ready--;
    if (last.final && task->why == STOP_NONE && task->step->ready.text &&
        last.outcome != CIPLUG_SKIPPED && !task->step->allow_failure)
        s->dead = true;
}

/* The command ends; what the schedule wants then. */
static inline const char *finish(const char *name, int outcome)
{
    finish_task(running_task(name), outcome, 0);
    return pump();
}

/* It is lost with its host. */
static inline const char *loses(const char *name)
{
    lost = true;
    return finish(name, CIPLUG_ERROR);
}

static inline void set_host(size_t host, enum host_state state)
{
    host_states[host] = state;
    schedule_host(schedule, host, state);
}

static inline const char *host_is(const char *name, enum host_state state)
{
    for (size_t i = 0; i < plan.n_hosts; i++) {
        if (strcmp(plan.hosts[i].name, name) == 0)
            set_host(i, state);
    }
    return pump();
}

static inline const char *passes(const char *name)
{
    return finish(name, CIPLUG_PASSED);
}

static inline const char *fails(const char *name)
{
    return finish(name, CIPLUG_FAILED);
}

static inline void ready_task(struct task *task)
{
    bool counts = task->state == TASK_RUNNING && !task->ready;
    if (counts) {
        let_slots_go(task);
        seen_of(task->step)->ready++;
    }
    schedule_ready(schedule, task);
}

static inline const char *gets_ready(const char *name)
{
    ready_task(running_task(name));
    return pump();
}

static inline const char *answer_if(const char *name, enum opened opened)
{
    schedule_opened(schedule, mutable_step(name), opened, opened == OPENED_RUN ? NULL : "if");
    return pump();
}

static inline const char *cancels(void)
{
    forbidden = true;
    schedule_cancel(schedule, "signal 15");
    return pump();
}

static inline const char *halts(void)
{
    forbidden = true;
    schedule_halt(schedule, "disk full");
    return pump();
}

/* Move the clock. */
static inline const char *wait_ns(uint64_t ns)
{
    now_ns += ns;
    return pump();
}

/* --- a test's beginning and end --- */

static inline void reset_fake(void)
{
    schedule_free(schedule);
    schedule = NULL;
    now_ns = 1000 * NS_PER_S;
    jitter_per_mille = 500;
    n_running = 0;
    memset(owners, 0, sizeof owners);
    memset(seen, 0, sizeof seen);
    strv_free(&held);
    forbidden = is_cleanup = lost = false;
    memset(host_states, 0, sizeof host_states);
    last_reason = NULL;
}

static inline void new_schedule(bool cleanup, enum failure_mode mode)
{
    static const struct schedule_hooks hooks = {.locks = fake_locks, .jitter = fake_jitter};
    reset_fake();
    is_cleanup = cleanup;
    schedule = schedule_new(&plan, cleanup, mode, &hooks);
}

static inline void plan_for(const char *ini)
{
    schedule_free(schedule);
    schedule = NULL;
    const char *said = plan_text(ini);
    if (made != 0)
        fail_msg("%s", said);
    assert_true(plan.n_slots <= RUNNING_MAX && plan.n_steps <= STEPS_MAX);
}

static inline const char *go_mode(const char *ini, enum failure_mode mode)
{
    plan_for(ini);
    new_schedule(false, mode);
    return pump();
}

/* Four slots, unless the text says otherwise. */
static inline const char *go(const char *ini)
{
    return go_mode(ini, FAILURE_FINISH_STEPS);
}

static inline void assert_done(void)
{
    assert_true(schedule_done(schedule));
    assert_int_equal(n_running, 0);
    assert_int_equal(held.n, 0);
    size_t n = is_cleanup ? plan.n_cleanups : plan.n_steps;
    for (size_t i = 0; i < n; i++) {
        const struct step *step = is_cleanup ? &plan.cleanups[i] : &plan.steps[i];
        assert_int_equal(seen[i].closed, step->selected);
    }
    for (size_t i = 1; i <= plan.n_slots; i++)
        assert_null(owners[i]);
    assert_int_equal(schedule_wake(schedule), 0);
}

static inline int remove_fake(void **state)
{
    reset_fake();
    strbuf_free(&trace);
    return remove_folder(state);
}

#endif
