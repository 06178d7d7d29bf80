/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "ledger.h"
#include "strbuf.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void plan(struct ledger *ledger, uint64_t planned, int cleanup)
{
    struct ciplug_ledger step = {.size = sizeof step, .planned = planned};
    struct ciplug_event event = {
        .kind = CIPLUG_STEP_STARTED, .ledger = &step, .step = "s", .cleanup = cleanup};
    ledger_event(ledger, &event);
}

static void finish_as(struct ledger *ledger, const char *const *items, int cleanup,
                      const struct ciplug_result *result)
{
    struct ciplug_command command = {.step = "s", .items = items, .cleanup = cleanup};
    struct ciplug_event event = {
        .kind = CIPLUG_COMMAND_FINISHED, .command = &command, .result = result};
    ledger_event(ledger, &event);
}

static void finish(struct ledger *ledger, int outcome, unsigned flags, int final)
{
    struct ciplug_result result = {.outcome = outcome, .flags = flags, .final = final};
    finish_as(ledger, NULL, 0, &result);
}

static void each_outcome_has_its_counter(void **state)
{
    (void)state;
    struct ledger l = {0};
    plan(&l, 7, 0);
    for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++) {
        assert_false(ledger_adds_up(&l.run));
        finish(&l, outcome, 0, 1);
    }
    assert_true(ledger_adds_up(&l.run));
    struct ciplug_ledger ones = {0, 7, 1, 1, 1, 1, 1, 1, 1, 0, 0};
    assert_true(ledger_equal(&l.run, &ones));
    ones.commands_allowed = 1;
    assert_false(ledger_equal(&l.run, &ones));
    finish(&l, 42, 0, 1);
    assert_int_equal(l.run.error, 2);
}

static void items_count_batches_do_not(void **state)
{
    (void)state;
    struct ledger l = {0};
    static const char *const items[] = {"a", "b", "c", NULL};
    static const char *const none[] = {NULL};
    struct ciplug_result passed = {
        .outcome = CIPLUG_PASSED, .flags = CIPLUG_FLAG_FLAKY, .final = 1};
    plan(&l, 3, 0);
    plan(&l, 1, 0);
    finish_as(&l, items, 0, &passed);
    assert_int_equal(l.run.passed, 3);
    assert_int_equal(l.run.flaky, 3);
    finish_as(&l, none, 0, &passed);
    assert_int_equal(l.run.passed, 4);
    assert_true(ledger_adds_up(&l.run));
}

static void only_the_last_attempt_counts(void **state)
{
    (void)state;
    struct ledger l = {0};
    plan(&l, 1, 0);
    finish(&l, CIPLUG_FAILED, 0, 0);
    finish(&l, CIPLUG_TIMEOUT, CIPLUG_FLAG_LEAKED, 0);
    assert_int_equal(l.run.failed + l.run.timeout, 0);
    finish(&l, CIPLUG_PASSED, CIPLUG_FLAG_FLAKY, 1);
    assert_true(ledger_adds_up(&l.run));
    assert_int_equal(l.run.flaky, 1);
    assert_int_equal(ledger_exit_status(&l, false, false), 0);
}

static void flaky_stands_only_among_passed(void **state)
{
    (void)state;
    struct ledger l = {0};
    plan(&l, 2, 0);
    finish(&l, CIPLUG_FAILED, CIPLUG_FLAG_FLAKY, 1);
    finish(&l, CIPLUG_PASSED, CIPLUG_FLAG_ALLOWED, 1);
    assert_int_equal(l.run.flaky, 0);
    assert_int_equal(l.run.commands_allowed, 0);
}

static void cleanup_stands_apart(void **state)
{
    (void)state;
    struct ledger l = {0};
    struct ciplug_result failed = {
        .outcome = CIPLUG_FAILED, .flags = CIPLUG_FLAG_UNKILLABLE, .final = 1};
    plan(&l, 1, 0);
    plan(&l, 2, 1);
    finish(&l, CIPLUG_PASSED, 0, 1);
    finish_as(&l, NULL, 1, &failed);
    assert_int_equal(l.cleanup.planned, 2);
    assert_int_equal(l.cleanup.failed, 1);
    assert_int_equal(l.run.failed, 0);
    assert_int_equal(ledger_exit_status(&l, false, false), 0);
}

static void other_events_change_nothing(void **state)
{
    (void)state;
    struct ledger l = {0}, zero = {0};
    struct ciplug_ledger numbers = {.planned = 5, .passed = 5};
    struct ciplug_result result = {.outcome = CIPLUG_FAILED, .final = 1};
    for (int kind = 1; kind <= 0x200; kind <<= 1) {
        if (kind == CIPLUG_STEP_STARTED || kind == CIPLUG_COMMAND_FINISHED)
            continue;
        struct ciplug_event event = {.kind = kind, .ledger = &numbers, .result = &result};
        ledger_event(&l, &event);
    }
    ledger_event(&l, &(struct ciplug_event){.kind = CIPLUG_STEP_STARTED});
    ledger_event(&l, &(struct ciplug_event){.kind = CIPLUG_COMMAND_FINISHED});
    assert_memory_equal(&l, &zero, sizeof l);
}

static void check_text(const struct ciplug_ledger *counts, const char *expected)
{
    struct strbuf text = STRBUF_INIT;
    ledger_text(&text, counts);
    assert_string_equal(strbuf_text(&text), expected);
    strbuf_free(&text);
}

static void text_leaves_out_zeros(void **state)
{
    (void)state;
    check_text(&(struct ciplug_ledger){.planned = 12, .passed = 10, .failed = 1, .skipped = 1},
               "12 planned = 10 passed + 1 failed + 1 skipped");
    check_text(&(struct ciplug_ledger){0}, "0 planned = 0 passed");
    check_text(&(struct ciplug_ledger){0, 5, 0, 0, 1, 1, 1, 2, 0, 0, 0},
               "5 planned = 0 passed + 1 signaled + 1 timeout + 1 error + 2 cancelled");
}

/* One command of `outcome`, one more of `other` (0: none). */
struct status_case {
    int outcome;
    unsigned flags;
    int other;
    bool no_verdict, empty;
    int status;
};

static const struct status_case status_cases[] = {
    {0, 0, 0, false, false, 0},
    {0, 0, 0, false, true, 4},
    {0, 0, 0, true, true, 3},
    {0, 0, 0, true, false, 3},
    {CIPLUG_PASSED, 0, 0, false, false, 0},
    {CIPLUG_PASSED, CIPLUG_FLAG_FLAKY, 0, false, false, 0},
    {CIPLUG_PASSED, CIPLUG_FLAG_LEAKED, 0, false, false, 0},
    {CIPLUG_PASSED, CIPLUG_FLAG_UNKILLABLE, 0, false, false, 3},
    {CIPLUG_PASSED, CIPLUG_FLAG_UNKILLABLE, CIPLUG_FAILED, false, false, 1},
    {CIPLUG_PASSED, 0, 0, true, false, 3},
    {CIPLUG_SKIPPED, 0, 0, false, false, 0},
    {CIPLUG_FAILED, 0, 0, false, false, 1},
    {CIPLUG_SIGNALED, 0, 0, false, false, 1},
    {CIPLUG_TIMEOUT, 0, 0, false, false, 1},
    {CIPLUG_ERROR, 0, 0, false, false, 3},
    {CIPLUG_CANCELLED, 0, 0, false, false, 1},
    {CIPLUG_CANCELLED, 0, CIPLUG_ERROR, false, false, 3},
    {CIPLUG_CANCELLED, 0, CIPLUG_FAILED, false, false, 1},
    {CIPLUG_FAILED, 0, CIPLUG_ERROR, false, false, 1},
    {CIPLUG_FAILED, 0, 0, true, false, 1},
    {CIPLUG_FAILED, CIPLUG_FLAG_ALLOWED, 0, false, false, 0},
    {CIPLUG_SIGNALED, CIPLUG_FLAG_ALLOWED, 0, false, false, 0},
    {CIPLUG_TIMEOUT, CIPLUG_FLAG_ALLOWED, 0, false, false, 0},
    {CIPLUG_ERROR, CIPLUG_FLAG_ALLOWED, 0, false, false, 0},
    {CIPLUG_ERROR, CIPLUG_FLAG_ALLOWED, CIPLUG_FAILED, false, false, 1},
    {CIPLUG_FAILED, CIPLUG_FLAG_ALLOWED, CIPLUG_ERROR, false, false, 3},
    {CIPLUG_FAILED, CIPLUG_FLAG_ALLOWED, 0, true, false, 3},
};

static void status_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(status_cases); i++) {
        const struct status_case *c = &status_cases[i];
        struct ledger l = {0};
        plan(&l, (c->outcome != 0) + (c->other != 0), 0);
        if (c->outcome)
            finish(&l, c->outcome, c->flags, 1);
        if (c->other)
            finish(&l, c->other, 0, 1);
        int status = ledger_exit_status(&l, c->no_verdict, c->empty);
        if (status != c->status)
            fail_msg("case %zu: %d instead of %d", i, status, c->status);
    }
}

static void what_does_not_add_up_is_no_success(void **state)
{
    (void)state;
    struct ledger l = {0};
    plan(&l, 2, 0);
    finish(&l, CIPLUG_PASSED, 0, 1);
    assert_int_equal(ledger_exit_status(&l, false, false), 3);
    finish(&l, CIPLUG_PASSED, 0, 1);
    assert_int_equal(ledger_exit_status(&l, false, false), 0);
    finish(&l, CIPLUG_PASSED, 0, 1);
    assert_int_equal(ledger_exit_status(&l, false, false), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_outcome_has_its_counter),
        cmocka_unit_test(items_count_batches_do_not),
        cmocka_unit_test(only_the_last_attempt_counts),
        cmocka_unit_test(flaky_stands_only_among_passed),
        cmocka_unit_test(cleanup_stands_apart),
        cmocka_unit_test(other_events_change_nothing),
        cmocka_unit_test(text_leaves_out_zeros),
        cmocka_unit_test(status_follows_the_table),
        cmocka_unit_test(what_does_not_add_up_is_no_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
