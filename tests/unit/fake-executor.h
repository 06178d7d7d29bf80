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
 * A command whose results tell of its units ends by judges().
 */
#ifndef CIPLUG_TESTS_FAKE_EXECUTOR_H
#define CIPLUG_TESTS_FAKE_EXECUTOR_H

#include "fake-seen.h"

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
    check_outcome(s, action->outcome);
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
    uint8_t told[UNITS_MAX];
    bool judge = judged;
    let_go(task);
    last = (struct ending){.outcome = outcome,
                           .flags = flags,
                           .lost = lost,
                           .rest_ns = lost ? 25 * NS_PER_S : 0,
                           .verdicts = judge ? verdicts : NULL};
    lost = judged = false;
    for (size_t i = 0; i < task->n_units; i++)
        told[i] = (uint8_t)verdicts[i].ending.outcome;
    schedule_finished(schedule, task, now_ns, &last);
    if (judge)
        check_verdicts(task, told);
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

/* Its results tell of its units in their order: p passed, f failed, s skipped, '-' nothing. */
static inline void judge(const struct task *task, const char *told)
{
    static const char letters[] = "-pf    s";
    assert_int_equal(strlen(told), task->n_units);
    memset(verdicts, 0, task->n_units * sizeof *verdicts);
    for (size_t i = 0; i < task->n_units; i++)
        verdicts[i].ending.outcome = (int)(strchr(letters, told[i]) - letters);
    judged = true;
}

static inline const char *judges(const char *name, int outcome, const char *told)
{
    judge(running_task(name), told);
    return finish(name, outcome);
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
    forbidden = is_cleanup = lost = judged = false;
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
