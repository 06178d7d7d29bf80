/* SPDX-License-Identifier: MIT
 *
 * Random plans under random endings: whatever happens, the promises of the schedule hold and the
 * run comes to its end. A failing seed is told; run it alone with CIPLUG_TEST_SEED=N.
 */
#include "fake-executor.h"

#define SEEDS      6000
#define EVENTS_MAX 20000

static uint64_t random_state;
static struct strbuf ini, history;

static uint32_t roll(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % n);
}

static bool chance(uint32_t percent)
{
    return roll(100) < percent;
}

/* --- plans --- */

static void add_needs(uint32_t index)
{
    if (chance(35))
        return;
    strbuf_addstr(&ini, "needs =");
    for (uint32_t i = 0; i < index; i++) {
        if (chance(40))
            strbuf_addf(&ini, " s%u", i);
    }
    strbuf_addch(&ini, '\n');
}

static void add_items(uint32_t n)
{
    strbuf_addstr(&ini, "items =");
    for (uint32_t i = 0; i < n; i++)
        strbuf_addf(&ini, " %c", (int)('a' + i));
    strbuf_addch(&ini, '\n');
}

static void add_source(bool per)
{
    if (per) {
        strbuf_addf(&ini, "per = %s\n", chance(50) ? "worker" : "host");
        return;
    }
    switch (roll(5)) {
    case 4:
        strbuf_addf(&ini, "split = %u\n", 1 + roll(4));
        add_items(1 + roll(12));
        break;
    case 0:
        strbuf_addf(&ini, "count = %u\n", 1 + roll(8));
        break;
    case 1:
        strbuf_addf(&ini, "batch = %u\n", 1 + roll(4));
        add_items(1 + roll(12));
        break;
    case 2:
        strbuf_addstr(&ini, "matrix.a = x y\nbatch = auto\n");
        add_items(1 + roll(6));
        break;
    default:
        break;
    }
}

static void add_place(bool per)
{
    static const char *const workers[] = {"1", "2", "1-2", "2-", "2-2", "1-1"};
    if (chance(30))
        strbuf_addf(&ini, "workers = %s\n", workers[roll(ARRAY_SIZE(workers))]);
    if (chance(30))
        strbuf_addf(&ini, "hosts = %s\n", chance(70) ? "all" : "far");
    if (!per && chance(20))
        strbuf_addf(&ini, "weight = %u\n", 2 + roll(2));
    if (chance(20))
        strbuf_addf(&ini, "uses = docker.up\ndocker.ramp = %u\n", 1 + roll(2));
    if (chance(25))
        strbuf_addf(&ini, "lock = %s\n", chance(30) ? "w{worker}" : chance(50) ? "x" : "y x");
}

static void add_fate(void)
{
    static const char *const flags[] = {"fail_fast = yes\n", "allow_failure = yes\n",
                                        "flaky = fail\n", "retry_on = failed timeout\n",
                                        "if = x\n"};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (chance(15))
            strbuf_addstr(&ini, flags[i]);
    }
    if (chance(40))
        strbuf_addf(&ini, "retries = %u\n", 1 + roll(3));
    if (chance(30))
        strbuf_addf(&ini, "retry_delay = %us\n", 1 + roll(20));
}

static void random_plan(void)
{
    strbuf_clear(&ini);
    strbuf_addf(&ini, "[ciplug]\nworkers = %u\n[host far]\nworkers = %u\n", 2 + roll(3),
                2 + roll(2));
    uint32_t steps = 1 + roll(7);
    for (uint32_t i = 0; i < steps; i++) {
        strbuf_addf(&ini, "[step s%u]\ncommand = x\n", i);
        add_needs(i);
        bool per = chance(20);
        bool service = chance(25);
        if (service)
            strbuf_addstr(&ini, "ready = x\n");
        if (per || !service)
            add_source(per);
        add_place(per);
        add_fate();
    }
}

/* --- what happens --- */

static int random_outcome(const struct task *task)
{
    if (task->state == TASK_STOPPING && chance(85))
        return CIPLUG_CANCELLED;
    if (chance(65))
        return CIPLUG_PASSED;
    static const int others[] = {CIPLUG_FAILED,  CIPLUG_FAILED, CIPLUG_SIGNALED,
                                 CIPLUG_TIMEOUT, CIPLUG_ERROR,  CIPLUG_SKIPPED};
    return others[roll(ARRAY_SIZE(others))];
}

/* As the results of a command say it: where one failed the whole did, and where none did it passed,
 * or was skipped with all of them. What they tell nothing of is left out. */
static int random_verdicts(const struct task *task)
{
    AUTO_STRBUF struct strbuf told = STRBUF_INIT;
    uint32_t bad = chance(50) ? roll(60) : 0, unknown = chance(50) ? roll(80) : 0;
    size_t skipped = 0;
    for (size_t i = 0; i < task->n_units; i++) {
        bool skip = chance(20);
        char letter = chance(unknown) ? '-' : chance(bad) ? 'f' : skip ? 's' : 'p';
        skipped += letter == 's';
        strbuf_addch(&told, letter);
    }
    judge(task, strbuf_text(&told));
    strbuf_addf(&history, "(%s)", strbuf_text(&told));
    if (strchr(strbuf_text(&told), 'f'))
        return CIPLUG_FAILED;
    return skipped == task->n_units ? CIPLUG_SKIPPED : CIPLUG_PASSED;
}

/* A service that is ready ends when it is told to, seldom before. */
static bool may_end(const struct task *task)
{
    return !task->ready || task->state == TASK_STOPPING || task->units[0] % 4 == 3;
}

static bool end_one(bool seldom)
{
    size_t from = n_running ? roll((uint32_t)n_running) : 0;
    for (size_t i = 0; i < n_running; i++) {
        struct task *task = running[(from + i) % n_running];
        bool service = task->step->ready.text != NULL;
        if (service && !task->ready && task->state == TASK_RUNNING && chance(80)) {
            strbuf_addf(&history, "ready:%s ", task_name(task));
            ready_task(task);
            return true;
        }
        if (!may_end(task) && !(seldom && chance(3)))
            continue;
        bool told = task->n_units > 1 && chance(50);
        int outcome = told ? random_verdicts(task) : random_outcome(task);
        lost = outcome == CIPLUG_ERROR && chance(50);
        strbuf_addf(&history, "%s:%s%s ", outcome_names[outcome], task_name(task),
                    lost ? "(lost)" : "");
        finish_task(task, outcome, 0);
        return true;
    }
    return false;
}

static bool answer_one(void)
{
    for (size_t i = 0; i < plan.n_steps; i++) {
        struct step *step = &plan.steps[i];
        if (!step->if_command.text || seen[i].begun || !seen[i].asked)
            continue;
        enum opened opened = chance(70) ? OPENED_RUN : chance(60) ? OPENED_SKIP : OPENED_ERROR;
        strbuf_addf(&history, "if:%s=%d ", step->name, (int)opened);
        schedule_opened(schedule, step, opened, opened == OPENED_RUN ? NULL : "if");
        return true;
    }
    return false;
}

static bool move_clock(void)
{
    uint64_t wake = schedule_wake(schedule);
    if (!wake)
        return false;
    assert_true(wake > now_ns);
    now_ns = wake;
    return true;
}

static void disturb(void)
{
    strbuf_addstr(&history, chance(50) ? "cancel " : "halt ");
    forbidden = true;
    if (history.buf[history.len - 2] == 'l')
        schedule_cancel(schedule, "signal");
    else
        schedule_halt(schedule, "disk");
}

/* A host comes, or goes; `back`: one that is away does not stay so. */
static bool move_host(bool back)
{
    static const char *const names[] = {"usable", "away", "gone"};
    size_t host = roll((uint32_t)plan.n_hosts);
    for (size_t i = 0; back && i < plan.n_hosts && host_states[host] != HOST_AWAY; i++)
        host = (host + 1) % plan.n_hosts;
    if (back && host_states[host] != HOST_AWAY)
        return false;
    enum host_state state = back         ? (chance(50) ? HOST_USABLE : HOST_GONE)
                            : chance(50) ? HOST_USABLE
                            : chance(70) ? HOST_AWAY
                                         : HOST_GONE;
    strbuf_addf(&history, "%s=%s ", plan.hosts[host].name, names[state]);
    set_host(host, state);
    return true;
}

static void step_once(bool calm)
{
    if (chance(4) && move_host(false))
        return;
    if (!calm && chance(1)) {
        disturb();
        return;
    }
    if (chance(30) && answer_one())
        return;
    if (chance(30) && move_clock())
        return;
    if (end_one(!calm) || answer_one() || move_clock() || move_host(true))
        return;
    fail_msg("stuck");
}

static void remember(const char *what)
{
    strbuf_addf(&history, "| %s\n", what);
}

static void run_seed(uint64_t seed)
{
    static const enum failure_mode modes[] = {FAILURE_FINISH_STEPS, FAILURE_CANCEL_ALL,
                                              FAILURE_KEEP_GOING};
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    random_plan();
    strbuf_clear(&history);
    bool calm = chance(50);
    remember(go_mode(strbuf_text(&ini), modes[roll(3)]));
    for (int i = 0; !schedule_done(schedule); i++) {
        assert_true(i < EVENTS_MAX);
        step_once(calm);
        jitter_per_mille = roll(1000);
        remember(pump());
    }
    assert_done();
}

static uint64_t current_seed;

static int tell_seed(void **state)
{
    if (current_seed)
        print_message("seed %llu\n%s\n%s\n%s\n", (unsigned long long)current_seed,
                      strbuf_text(&ini), strbuf_text(&history), strbuf_text(&trace));
    strbuf_free(&ini);
    strbuf_free(&history);
    return remove_fake(state);
}

static void random_plans_keep_all_promises(void **state)
{
    (void)state;
    const char *one = getenv("CIPLUG_TEST_SEED");
    uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : SEEDS;
    for (current_seed = from; current_seed <= to; current_seed++)
        run_seed(current_seed);
    current_seed = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_plans_keep_all_promises),
    };
    return cmocka_run_group_tests(tests, make_folder, tell_seed);
}
