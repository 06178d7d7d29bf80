/* SPDX-License-Identifier: MIT
 *
 * Retries, batches, and what counts as flaky.
 */
#include "fake-executor.h"

#define STEP(name) "[step " name "]\ncommand = x\n"

static void a_failed_command_is_tried_again_and_then_fails(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "retries = 2\n");
    assert_string_equal(fails("a1"), "a1.2@1");
    assert_false(last.final);
    assert_string_equal(fails("a1"), "a1.3@1");
    assert_string_equal(fails("a1"), "-a=failed");
    assert_true(last.final);
    assert_done();
}

static void passed_after_a_retry_is_flaky_and_passes(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\n" STEP("b"));
    fails("a1");
    assert_string_equal(passes("a1"), "-a=passed +b(1) b1@1");
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
    passes("b1");
    assert_int_equal(last.flags, 0);
    assert_false(schedule_failed(schedule));
}

static void flaky_may_fail(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nflaky = fail\n" STEP("b"));
    fails("a1");
    assert_string_equal(passes("a1"), "-a=failed +b(1) drop:b1=skipped -b=skipped");
    assert_int_equal(last.outcome, CIPLUG_FAILED);
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
    assert_non_null(last.reason);
    assert_true(schedule_failed(schedule));
}

static void skipped_after_a_retry_is_not_flaky(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nflaky = fail\n");
    fails("a1");
    assert_string_equal(finish("a1", CIPLUG_SKIPPED), "-a=skipped");
    assert_int_equal(last.flags, 0);
}

static void only_what_retry_on_names_is_tried_again(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nretry_on = timeout error\ncount = 4\n");
    finish_task(running_task("a1"), CIPLUG_FAILED, 0);
    assert_true(last.final);
    finish_task(running_task("a2"), CIPLUG_SIGNALED, 0);
    assert_true(last.final);
    finish_task(running_task("a3"), CIPLUG_TIMEOUT, 0);
    assert_false(last.final);
    finish_task(running_task("a4"), CIPLUG_ERROR, 0);
    assert_false(last.final);
}

static void skipped_and_cancelled_are_not_tried_again(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\ncount = 2\n");
    finish_task(running_task("a1"), CIPLUG_SKIPPED, 0);
    assert_true(last.final);
    finish_task(running_task("a2"), CIPLUG_CANCELLED, 0);
    assert_true(last.final);
}

/* --- delays --- */

static void a_retry_waits_for_its_delay(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nretry_delay = 10s\n");
    assert_int_equal(schedule_wake(schedule), 0);
    assert_string_equal(fails("a1"), "");
    assert_int_equal(last.retry_ns, 10 * NS_PER_S);
    assert_int_equal(schedule_wake(schedule), now_ns + 10 * NS_PER_S);
    assert_string_equal(wait_ns(10 * NS_PER_S - 1), "");
    assert_false(schedule_done(schedule));
    assert_string_equal(wait_ns(1), "a1.2@2");
    assert_int_equal(schedule_wake(schedule), 0);
}

static void delays_double_up_to_a_bound(void **state)
{
    (void)state;
    static const uint64_t factors[] = {1, 2, 4, 8, 16, 32, 32, 32};
    go(STEP("a") "retries = 8\nretry_delay = 10s\n");
    for (size_t i = 0; i < ARRAY_SIZE(factors); i++) {
        fails("a1");
        assert_int_equal(last.retry_ns, factors[i] * 10 * NS_PER_S);
        wait_ns(last.retry_ns);
    }
    fails("a1");
    assert_true(last.final);
}

static void jitter_is_a_quarter_to_both_sides(void **state)
{
    (void)state;
    go(STEP("a") "retries = 2\nretry_delay = 10s\ncount = 2\n");
    jitter_per_mille = 0;
    fails("a1");
    assert_int_equal(last.retry_ns, 7500 * NS_PER_MS);
    jitter_per_mille = 999;
    fails("a2");
    assert_in_range(last.retry_ns, 12480 * NS_PER_MS, 12500 * NS_PER_MS);
}

static void the_earliest_retry_wakes(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nretry_delay = 10s\n" STEP("b") "needs =\nretries = 1\n"
                                                              "retry_delay = 4s\n");
    fails("a1");
    fails("b1");
    assert_int_equal(schedule_wake(schedule), now_ns + 4 * NS_PER_S);
    assert_string_equal(wait_ns(4 * NS_PER_S), "b1.2@1");
    assert_int_equal(schedule_wake(schedule), now_ns + 6 * NS_PER_S);
}

static void a_delay_keeps_no_slot(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "retries = 1\nretry_delay = 10s\ncount = 2\n");
    assert_string_equal(fails("a1"), "a2@1");
    assert_string_equal(wait_ns(10 * NS_PER_S), "");
    assert_string_equal(passes("a2"), "a1.2@1");
}

/* --- another worker --- */

static void a_retry_prefers_another_slot(void **state)
{
    (void)state;
    go(STEP("a") "retries = 2\n");
    assert_string_equal(fails("a1"), "a1.2@2");
    assert_string_equal(fails("a1"), "a1.3@1");
}

static void a_retry_takes_the_same_slot_where_no_other_is_free(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" STEP("a") "retries = 1\n" STEP("b") "needs =\n");
    assert_string_equal(fails("a1"), "a1.2@1");
}

static void a_retry_in_a_range_of_one_stays(void **state)
{
    (void)state;
    go(STEP("a") "retries = 1\nworkers = 2-2\n");
    assert_string_equal(fails("a1"), "a1.2@2");
}

static void a_fresh_command_takes_the_slot_that_a_retry_avoids(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" STEP("a") "retries = 1\ncount = 3\n");
    assert_string_equal(fails("a1"), "a3@1");
    assert_string_equal(passes("a2"), "a1.2@2");
}

/* --- batches --- */

static void a_batch_holds_so_many(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "items = a b c d e\nbatch = 2\n");
    assert_string_equal(strbuf_text(&trace), "+a(5) a1[2]@1");
    assert_string_equal(passes("a1"), "a2[2]@1");
    assert_string_equal(passes("a2"), "a3@1");
    assert_string_equal(passes("a3"), "-a=passed");
    assert_done();
}

static void auto_shrinks_toward_the_end(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addstr(&text, "[ciplug]\nworkers = 2\n" STEP("a") "batch = auto\nitems =");
    for (int i = 0; i < 40; i++)
        strbuf_addf(&text, " i%d", i);
    strbuf_addch(&text, '\n');
    go(strbuf_text(&text));
    size_t before = SIZE_MAX, sum = 0, n = 0, size = 0;
    for (; n_running; n++) {
        struct task *task = running[0]->number < running[n_running - 1]->number
                                ? running[0]
                                : running[n_running - 1];
        size = task->n_units;
        assert_true(size <= before);
        before = size;
        sum += size;
        finish_task(task, CIPLUG_PASSED, 0);
        pump();
    }
    assert_int_equal(sum, 40);
    assert_int_equal(size, 1);
    assert_in_range(n, 8, 20);
    assert_done();
}

static void a_batch_never_mixes_cells(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "matrix.v = x y\nitems = a b c\nbatch = 2\n"),
                        "+a(6) a1[2]@1 a2@2 a3[2]@3 a4@4");
}

static void a_failed_batch_is_retried_by_item(void **state)
{
    (void)state;
    go(STEP("a") "items = a b c\nbatch = 3\n");
    assert_string_equal(fails("a1"), "a2.2@1 a3.2@2 a4.2@3");
    assert_true(!last.final && last.by_item);
    assert_string_equal(fails("a3"), "");
    assert_true(last.final);
    passes("a2");
    assert_string_equal(passes("a4"), "-a=failed");
    assert_int_equal(last.flags, 0);
    assert_done();
}

static void items_of_a_failed_batch_have_their_own_retries(void **state)
{
    (void)state;
    go(STEP("a") "items = a b\nbatch = 2\nretries = 1\n");
    assert_string_equal(fails("a1"), "a2.2@1 a3.2@2");
    assert_string_equal(fails("a2"), "a2.3@3");
    assert_string_equal(fails("a2"), "");
    assert_true(last.final);
}

static void a_batch_that_nobody_explains_is_flaky(void **state)
{
    (void)state;
    go(STEP("a") "items = a b\nbatch = 2\n");
    fails("a1");
    passes("a3");
    assert_int_equal(last.flags, 0);
    assert_string_equal(passes("a2"), "-a=passed");
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
}

static void flaky_fail_counts_such_a_batch(void **state)
{
    (void)state;
    go(STEP("a") "items = a b\nbatch = 2\nflaky = fail\n");
    fails("a1");
    passes("a2");
    assert_string_equal(finish("a3", CIPLUG_SKIPPED), "-a=failed");
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
}

static void a_batch_of_one_is_retried_as_it_is(void **state)
{
    (void)state;
    go(STEP("a") "items = a\nbatch = 4\nretries = 1\n");
    assert_string_equal(fails("a1"), "a1.2@2");
    passes("a1");
    assert_int_equal(last.flags, CIPLUG_FLAG_FLAKY);
}

static void a_delayed_retry_holds_up_no_other_batch(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "items = a b c\nbatch = 1\nretries = 1\n"
                                           "retry_delay = 10s\n");
    assert_string_equal(fails("a1"), "a2@1");
    assert_string_equal(fails("a2"), "a3@1");
    assert_string_equal(passes("a3"), "");
    assert_string_equal(wait_ns(10 * NS_PER_S), "a1.2@1");
}

static void a_batch_that_fails_after_cancel_is_final(void **state)
{
    (void)state;
    go(STEP("a") "items = a b c\nbatch = 2\nworkers = 1\n");
    assert_string_equal(cancels(), "stop:a1 drop:a2=cancelled");
    assert_string_equal(fails("a1"), "-a=failed");
    assert_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_command_is_tried_again_and_then_fails),
        cmocka_unit_test(passed_after_a_retry_is_flaky_and_passes),
        cmocka_unit_test(flaky_may_fail),
        cmocka_unit_test(skipped_after_a_retry_is_not_flaky),
        cmocka_unit_test(only_what_retry_on_names_is_tried_again),
        cmocka_unit_test(skipped_and_cancelled_are_not_tried_again),
        cmocka_unit_test(a_retry_waits_for_its_delay),
        cmocka_unit_test(delays_double_up_to_a_bound),
        cmocka_unit_test(jitter_is_a_quarter_to_both_sides),
        cmocka_unit_test(the_earliest_retry_wakes),
        cmocka_unit_test(a_delay_keeps_no_slot),
        cmocka_unit_test(a_retry_prefers_another_slot),
        cmocka_unit_test(a_retry_takes_the_same_slot_where_no_other_is_free),
        cmocka_unit_test(a_retry_in_a_range_of_one_stays),
        cmocka_unit_test(a_fresh_command_takes_the_slot_that_a_retry_avoids),
        cmocka_unit_test(a_batch_holds_so_many),
        cmocka_unit_test(auto_shrinks_toward_the_end),
        cmocka_unit_test(a_batch_never_mixes_cells),
        cmocka_unit_test(a_failed_batch_is_retried_by_item),
        cmocka_unit_test(items_of_a_failed_batch_have_their_own_retries),
        cmocka_unit_test(a_batch_that_nobody_explains_is_flaky),
        cmocka_unit_test(flaky_fail_counts_such_a_batch),
        cmocka_unit_test(a_batch_of_one_is_retried_as_it_is),
        cmocka_unit_test(a_delayed_retry_holds_up_no_other_batch),
        cmocka_unit_test(a_batch_that_fails_after_cancel_is_final),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_fake);
}
