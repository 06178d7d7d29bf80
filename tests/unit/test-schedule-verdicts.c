/* SPDX-License-Identifier: MIT
 *
 * Commands of several items whose results tell how each of them ended.
 */
#include "fake-executor.h"

#define STEP(name) "[step " name "]\ncommand = x\n"
#define THREE      "items = a b c\nbatch = 3\n"

static void items_end_as_their_results_say(void **state)
{
    (void)state;
    go(STEP("a") THREE);
    assert_string_equal(judges("a1", CIPLUG_FAILED, "pfs"), "-a=failed");
    assert_true(!last.final && !last.by_item && (last.flags & CIPLUG_FLAG_JUDGED));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(verdicts[i].task->number, 2 + i);
        assert_int_equal(verdicts[i].task->batch, 1);
        assert_int_equal(verdicts[i].ending.flags, 0);
    }
    assert_true(schedule_failed(schedule));
    assert_done();
}

static void only_items_that_failed_are_tried_again(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" STEP("a") THREE "retries = 2\nretry_delay = 4s\n");
    assert_string_equal(judges("a1", CIPLUG_FAILED, "pfp"), "");
    assert_true(verdicts[0].ending.final && !verdicts[1].ending.final);
    assert_int_equal(verdicts[1].ending.retry_ns, 4 * NS_PER_S);
    /* On another slot than where it failed. */
    assert_string_equal(wait_ns(4 * NS_PER_S), "a3.2@2");
    assert_string_equal(fails("a3"), "");
    assert_int_equal(last.retry_ns, 8 * NS_PER_S);
    assert_string_equal(wait_ns(8 * NS_PER_S), "a3.3@1");
    assert_string_equal(passes("a3"), "-a=passed");
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
    assert_done();
}

static void retry_on_counts_for_items_that_failed_by_their_results(void **state)
{
    (void)state;
    go(STEP("a") THREE "retries = 2\nretry_on = timeout\n");
    assert_string_equal(judges("a1", CIPLUG_FAILED, "pfp"), "-a=failed");
    assert_true(verdicts[1].ending.final);
}

static void items_that_results_do_not_tell_of_run_alone(void **state)
{
    (void)state;
    go(STEP("a") THREE);
    assert_string_equal(judges("a1", CIPLUG_PASSED, "p-p"), "a3.2@1");
    assert_true(last.by_item);
    assert_string_equal(passes("a3"), "-a=passed");
    /* It is the first time that anybody knows of it. */
    assert_int_equal(last.flags, 0);
    assert_done();
}

static void an_item_that_ran_alone_has_its_retries(void **state)
{
    (void)state;
    go(STEP("a") THREE "retries = 1\n");
    assert_string_equal(judges("a1", CIPLUG_PASSED, "p-s"), "a3.2@1");
    assert_string_equal(fails("a3"), "a3.3@2");
    assert_string_equal(fails("a3"), "-a=failed");
    assert_true(last.final);
    assert_done();
}

static void nothing_that_passed_hides_what_ran_alone_and_failed(void **state)
{
    (void)state;
    go(STEP("a") THREE "allow_failure = yes\n");
    assert_string_equal(judges("a1", CIPLUG_PASSED, "---"), "a2.2@1 a3.2@2 a4.2@3");
    passes("a2");
    passes("a4");
    assert_string_equal(fails("a3"), "-a=failed");
    assert_false(schedule_failed(schedule));
}

static void a_failed_item_ends_a_step_that_fails_fast(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "items = a b c d e f\nbatch = 3\nfail_fast = yes\n");
    assert_string_equal(judges("a1", CIPLUG_FAILED, "-fp"),
                        "drop:a2=cancelled drop:a5=cancelled -a=failed");
    assert_true(verdicts[1].ending.final && verdicts[2].ending.final);
    assert_done();
}

static void verdicts_after_one_that_ends_the_run_still_count(void **state)
{
    (void)state;
    go_mode(STEP("a") THREE STEP("b") "needs =\n", FAILURE_CANCEL_ALL);
    assert_string_equal(judges("a1", CIPLUG_FAILED, "fpf"), "stop:b1 -a=failed");
    assert_int_equal(verdicts[1].ending.outcome, CIPLUG_PASSED);
    assert_int_equal(verdicts[2].ending.outcome, CIPLUG_FAILED);
    assert_string_equal(finish("b1", CIPLUG_CANCELLED), "-b=cancelled");
    assert_done();
}

static void results_of_a_cancelled_run_count_as_far_as_they_go(void **state)
{
    (void)state;
    go(STEP("a") THREE "retries = 3\n");
    assert_string_equal(cancels(), "stop:a1");
    assert_string_equal(judges("a1", CIPLUG_FAILED, "pf-"), "drop:a4=failed -a=failed");
    assert_true(verdicts[0].ending.final && verdicts[1].ending.final);
    assert_done();
}

static void what_passed_results_leave_open_is_cancelled_with_the_run(void **state)
{
    (void)state;
    go(STEP("a") THREE);
    assert_string_equal(halts(), "");
    assert_string_equal(judges("a1", CIPLUG_PASSED, "pp-"), "drop:a4=cancelled -a=cancelled");
    assert_done();
}

static void a_cancel_keeps_what_an_item_failed_with(void **state)
{
    (void)state;
    go(STEP("a") THREE "retries = 1\nretry_delay = 10s\n");
    assert_string_equal(judges("a1", CIPLUG_FAILED, "fpp"), "");
    assert_string_equal(cancels(), "drop:a2=failed -a=failed");
    assert_done();
}

static void groups_that_were_split_in_advance_are_judged_alike(void **state)
{
    (void)state;
    go(STEP("a") "items = a b c d\nsplit = 2\nretries = 1\n");
    assert_string_equal(strbuf_text(&trace), "+a(4) a1[2]@1 a2[2]@2");
    assert_string_equal(judges("a1", CIPLUG_FAILED, "fp"), "a3.2@3");
    assert_string_equal(judges("a2", CIPLUG_PASSED, "p-"), "a6.2@1");
    passes("a6");
    assert_int_equal(last.flags, 0);
    assert_string_equal(passes("a3"), "-a=passed");
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
    assert_done();
}

/* It failed without results the first time, so what passes now does so after a retry. */
static void verdicts_of_a_retried_group_are_flaky(void **state)
{
    (void)state;
    go(STEP("a") "items = a b\nsplit = 1\nretries = 1\nflaky = fail\n");
    assert_string_equal(fails("a1"), "a1.2[2]@2");
    assert_string_equal(judges("a1", CIPLUG_SKIPPED, "ss"), "-a=skipped");
    go(STEP("a") "items = a b\nsplit = 1\nretries = 1\nflaky = fail\n");
    fails("a1");
    assert_string_equal(judges("a1", CIPLUG_PASSED, "ps"), "-a=failed");
    assert_int_equal(verdicts[0].ending.outcome, CIPLUG_FAILED);
    assert_int_equal(verdicts[0].ending.flags, CIPLUG_FLAG_FLAKY);
    assert_non_null(verdicts[0].ending.reason);
    assert_done();
}

static void a_command_lost_with_its_host_has_no_verdicts(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n[host far]\nworkers = 1\n" STEP("a") "hosts = all\n" THREE);
    lost = true;
    judges("a1", CIPLUG_ERROR, "pff");
    assert_true(last.requeued && !last.by_item);
    assert_null(verdicts[0].task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_end_as_their_results_say),
        cmocka_unit_test(only_items_that_failed_are_tried_again),
        cmocka_unit_test(retry_on_counts_for_items_that_failed_by_their_results),
        cmocka_unit_test(items_that_results_do_not_tell_of_run_alone),
        cmocka_unit_test(an_item_that_ran_alone_has_its_retries),
        cmocka_unit_test(nothing_that_passed_hides_what_ran_alone_and_failed),
        cmocka_unit_test(a_failed_item_ends_a_step_that_fails_fast),
        cmocka_unit_test(verdicts_after_one_that_ends_the_run_still_count),
        cmocka_unit_test(results_of_a_cancelled_run_count_as_far_as_they_go),
        cmocka_unit_test(what_passed_results_leave_open_is_cancelled_with_the_run),
        cmocka_unit_test(a_cancel_keeps_what_an_item_failed_with),
        cmocka_unit_test(groups_that_were_split_in_advance_are_judged_alike),
        cmocka_unit_test(verdicts_of_a_retried_group_are_flaky),
        cmocka_unit_test(a_command_lost_with_its_host_has_no_verdicts),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_fake);
}
