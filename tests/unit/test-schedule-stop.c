/* SPDX-License-Identifier: MIT
 *
 * After a failure, after a signal, and the cleanup steps.
 */
#include "fake-executor.h"

#define STEP(name)    "[step " name "]\ncommand = x\n"
#define CLEANUP(name) "[cleanup " name "]\ncommand = x\n"

/* --- the three modes --- */

static const char three[] =
    "[ciplug]\nworkers = 2\n" STEP("a") STEP("b") "needs =\ncount = 3\n" STEP("c") "needs = b\n";

static void by_default_running_steps_finish_and_no_new_one_starts(void **state)
{
    (void)state;
    assert_string_equal(go(three), "+a(1) +b(3) a1@1 b1@2");
    assert_string_equal(fails("a1"), "-a=failed b2@1");
    finish_task(running_task("b1"), CIPLUG_PASSED, 0);
    assert_string_equal(passes("b2"), "b3@1");
    assert_string_equal(passes("b3"), "-b=passed +c(1) drop:c1=cancelled -c=cancelled");
    assert_string_equal(last_reason, "not started after a failure");
    assert_done();
}

static void by_default_a_step_whose_if_is_asked_does_not_start_either(void **state)
{
    (void)state;
    go(STEP("a") STEP("b") "needs =\nif = x\n");
    fails("a1");
    assert_string_equal(answer_if("b", OPENED_RUN), "+b(1) drop:b1=cancelled -b=cancelled");
    assert_done();
}

static void keep_going_runs_all_that_does_not_need_the_failed_one(void **state)
{
    (void)state;
    go_mode(STEP("a") STEP("b") STEP("c") STEP("d") "needs =\n" STEP("e"), FAILURE_KEEP_GOING);
    assert_string_equal(fails("a1"), "-a=failed +b(1) drop:b1=skipped -b=skipped "
                                     "+c(1) drop:c1=skipped -c=skipped");
    assert_string_equal(last_reason, "needs b, which did not pass");
    assert_string_equal(passes("d1"), "-d=passed +e(1) e1@1");
    passes("e1");
    assert_done();
}

static void fail_fast_cancels_all_at_the_first_failure(void **state)
{
    (void)state;
    go_mode(three, FAILURE_CANCEL_ALL);
    forbidden = true;
    assert_string_equal(fails("a1"), "stop:b1 -a=failed drop:b2=cancelled drop:b3=cancelled "
                                     "+c(1) drop:c1=cancelled -c=cancelled");
    assert_int_equal(running_task("b1")->why, STOP_FAIL_FAST);
    assert_string_equal(finish("b1", CIPLUG_CANCELLED), "-b=cancelled");
    assert_done();
}

static void fail_fast_asks_no_if_that_was_due(void **state)
{
    (void)state;
    go_mode(STEP("list") STEP("a") "items_from = list\n" STEP("b") "needs = list\nif = x\n",
            FAILURE_CANCEL_ALL);
    assert_string_equal(passes("list1"),
                        "-list=passed +a(0) -a=error +b(1) drop:b1=cancelled -b=cancelled");
    assert_done();
}

static void an_allowed_failure_stops_nothing(void **state)
{
    (void)state;
    go_mode(STEP("a") "allow_failure = yes\nfail_fast = yes\ncount = 2\n" STEP("b"),
            FAILURE_CANCEL_ALL);
    assert_string_equal(fails("a1"), "");
    assert_string_equal(passes("a2"), "-a=failed +b(1) b1@1");
    assert_false(schedule_failed(schedule));
}

static void a_cancelled_step_satisfies_nobody_though_it_may_fail(void **state)
{
    (void)state;
    go(STEP("a") "allow_failure = yes\n" STEP("b"));
    assert_string_equal(finish("a1", CIPLUG_CANCELLED),
                        "-a=cancelled +b(1) drop:b1=skipped -b=skipped");
}

static void fail_fast_of_a_step_stops_its_commands_only(void **state)
{
    (void)state;
    go_mode("[ciplug]\nworkers = 3\n" STEP("a") "fail_fast = yes\ncount = 3\nworkers = 2\n" STEP(
                "b") "needs =\ncount = 2\n",
            FAILURE_KEEP_GOING);
    assert_string_equal(fails("a1"), "stop:a2 drop:a3=cancelled b2@1");
    assert_string_equal(finish("a2", CIPLUG_CANCELLED), "-a=failed");
    passes("b1");
    passes("b2");
    assert_done();
}

static void fail_fast_of_a_step_drops_pending_retries(void **state)
{
    (void)state;
    go(STEP("a") "fail_fast = yes\ncount = 2\nretries = 1\nretry_on = timeout\nretry_delay = 9s\n");
    finish("a1", CIPLUG_TIMEOUT);
    assert_string_equal(fails("a2"), "drop:a1=timeout -a=failed");
    assert_done();
}

/* --- cancel and halt --- */

static void cancel_stops_what_runs_and_drops_the_rest(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "count = 2\n" STEP("b"));
    assert_string_equal(cancels(),
                        "stop:a1 drop:a2=cancelled +b(1) drop:b1=cancelled -b=cancelled");
    assert_string_equal(last_reason, "signal 15");
    assert_int_equal(running_task("a1")->why, STOP_CANCEL);
    assert_string_equal(finish("a1", CIPLUG_CANCELLED), "-a=cancelled");
    assert_done();
}

static void cancel_again_changes_nothing(void **state)
{
    (void)state;
    go(STEP("a"));
    cancels();
    assert_string_equal(cancels(), "");
    assert_string_equal(fails("a1"), "-a=failed");
    assert_done();
}

static void cancel_drops_a_retry_that_waits(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nretry_delay = 9s\n");
    fails("a1");
    assert_int_not_equal(schedule_wake(schedule), 0);
    assert_string_equal(cancels(), "drop:a1=failed -a=failed");
    assert_done();
}

static void what_is_stopped_is_not_retried(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\n");
    cancels();
    assert_string_equal(finish("a1", CIPLUG_TIMEOUT), "-a=timeout");
    assert_done();
}

static void cancel_before_the_answer_of_an_if(void **state)
{
    (void)state;
    go(STEP("a") "if = x\n" STEP("b"));
    assert_string_equal(cancels(), "+b(1) drop:b1=cancelled -b=cancelled");
    assert_false(schedule_done(schedule));
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(1) drop:a1=cancelled -a=cancelled");
    assert_done();
}

static void cancel_before_the_first_action(void **state)
{
    (void)state;
    plan_for(STEP("a") STEP("b"));
    new_schedule(false, FAILURE_FINISH_STEPS);
    assert_string_equal(cancels(), "+a(1) drop:a1=cancelled -a=cancelled "
                                   "+b(1) drop:b1=cancelled -b=cancelled");
    assert_done();
}

static void cancel_after_the_end_is_harmless(void **state)
{
    (void)state;
    go(STEP("a"));
    passes("a1");
    assert_string_equal(cancels(), "");
    assert_done();
}

static void a_stop_that_comes_too_late_is_not_told(void **state)
{
    (void)state;
    go(STEP("a"));
    schedule_cancel(schedule, "signal 15");
    assert_string_equal(finish("a1", CIPLUG_PASSED), "-a=passed");
    assert_done();
}

static void halt_lets_running_commands_end(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "count = 2\nretries = 1\n" STEP("b"));
    assert_string_equal(halts(), "drop:a2=cancelled +b(1) drop:b1=cancelled -b=cancelled");
    assert_int_equal(running_task("a1")->why, STOP_NONE);
    assert_string_equal(fails("a1"), "-a=failed");
    assert_done();
}

static void cancel_after_halt_stops_the_rest(void **state)
{
    (void)state;
    go(STEP("a"));
    halts();
    assert_string_equal(cancels(), "stop:a1");
    finish("a1", CIPLUG_CANCELLED);
    assert_done();
}

/* --- cleanup steps --- */

static void cleanups_run_one_after_another_whatever_failed(void **state)
{
    (void)state;
    plan_for(STEP("s") CLEANUP("a") CLEANUP("b") "count = 2\n" CLEANUP("c"));
    new_schedule(true, FAILURE_CANCEL_ALL);
    assert_string_equal(pump(), "+a(1) a1@1");
    assert_string_equal(fails("a1"), "-a=failed +b(2) b1@1 b2@2");
    assert_string_equal(finish("b1", CIPLUG_ERROR), "");
    assert_string_equal(finish("b2", CIPLUG_TIMEOUT), "-b=timeout +c(1) c1@1");
    assert_string_equal(passes("c1"), "-c=passed");
    assert_done();
}

static void a_cleanup_that_is_not_due_lets_the_next_one_run(void **state)
{
    (void)state;
    plan_for(STEP("s") CLEANUP("a") "if = x\n" CLEANUP("b") "if = x\n" CLEANUP("c"));
    new_schedule(true, FAILURE_FINISH_STEPS);
    assert_string_equal(pump(), "if:a");
    assert_string_equal(answer_if("a", OPENED_SKIP), "+a(1) drop:a1=skipped -a=skipped if:b");
    assert_string_equal(answer_if("b", OPENED_ERROR), "+b(1) drop:b1=error -b=error +c(1) c1@1");
}

static void cleanups_can_be_cancelled_too(void **state)
{
    (void)state;
    plan_for(STEP("s") CLEANUP("a") CLEANUP("b"));
    new_schedule(true, FAILURE_FINISH_STEPS);
    pump();
    assert_string_equal(cancels(), "stop:a1 +b(1) drop:b1=cancelled -b=cancelled");
    assert_string_equal(finish("a1", CIPLUG_CANCELLED), "-a=cancelled");
    assert_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_running_steps_finish_and_no_new_one_starts),
        cmocka_unit_test(by_default_a_step_whose_if_is_asked_does_not_start_either),
        cmocka_unit_test(keep_going_runs_all_that_does_not_need_the_failed_one),
        cmocka_unit_test(fail_fast_cancels_all_at_the_first_failure),
        cmocka_unit_test(fail_fast_asks_no_if_that_was_due),
        cmocka_unit_test(an_allowed_failure_stops_nothing),
        cmocka_unit_test(a_cancelled_step_satisfies_nobody_though_it_may_fail),
        cmocka_unit_test(fail_fast_of_a_step_stops_its_commands_only),
        cmocka_unit_test(fail_fast_of_a_step_drops_pending_retries),
        cmocka_unit_test(cancel_stops_what_runs_and_drops_the_rest),
        cmocka_unit_test(cancel_again_changes_nothing),
        cmocka_unit_test(cancel_drops_a_retry_that_waits),
        cmocka_unit_test(what_is_stopped_is_not_retried),
        cmocka_unit_test(cancel_before_the_answer_of_an_if),
        cmocka_unit_test(cancel_before_the_first_action),
        cmocka_unit_test(cancel_after_the_end_is_harmless),
        cmocka_unit_test(a_stop_that_comes_too_late_is_not_told),
        cmocka_unit_test(halt_lets_running_commands_end),
        cmocka_unit_test(cancel_after_halt_stops_the_rest),
        cmocka_unit_test(cleanups_run_one_after_another_whatever_failed),
        cmocka_unit_test(a_cleanup_that_is_not_due_lets_the_next_one_run),
        cmocka_unit_test(cleanups_can_be_cancelled_too),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_fake);
}
