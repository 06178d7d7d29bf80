/* SPDX-License-Identifier: MIT
 *
 * Services: from their first breath to the last step that needs them.
 */
#include "fake-executor.h"

#define STEP(name)    "[step " name "]\ncommand = x\n"
#define SERVICE(name) STEP(name) "ready = x\n"

static void users_start_when_it_is_ready_and_its_slot_is_free(void **state)
{
    (void)state;
    assert_string_equal(go("[ciplug]\nworkers = 1\n" SERVICE("db") STEP("use")), "+db(1) db1@1");
    assert_string_equal(gets_ready("db1"), "+use(1) use1@1");
    assert_string_equal(passes("use1"), "-use=passed stop:db1");
    assert_int_equal(last_task->why, STOP_NOT_NEEDED);
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=passed");
    assert_non_null(last.reason);
    assert_done();
}

static void it_lives_until_the_last_transitive_user_has_ended(void **state)
{
    (void)state;
    go(SERVICE("db") STEP("use") STEP("later") STEP("apart") "needs =\n");
    gets_ready("db1");
    assert_string_equal(passes("use1"), "-use=passed +later(1) later1@1");
    assert_string_equal(passes("later1"), "-later=passed stop:db1");
}

static void a_failed_user_releases_it_too(void **state)
{
    (void)state;
    go(SERVICE("db") STEP("use") STEP("later"));
    gets_ready("db1");
    assert_string_equal(fails("use1"),
                        "-use=failed +later(1) drop:later1=skipped -later=skipped stop:db1");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=passed");
    assert_done();
}

static void one_that_nobody_needs_lives_as_long_as_anything_else(void **state)
{
    (void)state;
    go(STEP("a") STEP("b") SERVICE("db") "needs =\n");
    assert_string_equal(gets_ready("db1"), "");
    assert_string_equal(passes("a1"), "-a=passed +b(1) b1@1");
    assert_string_equal(passes("b1"), "-b=passed stop:db1");
}

static void one_all_alone_is_stopped_when_it_is_ready(void **state)
{
    (void)state;
    go(SERVICE("db"));
    assert_string_equal(gets_ready("db1"), "stop:db1");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=passed");
    assert_done();
}

static void a_service_may_need_a_service(void **state)
{
    (void)state;
    go(SERVICE("db") SERVICE("web") STEP("use"));
    assert_string_equal(gets_ready("db1"), "+web(1) web1@1");
    assert_string_equal(gets_ready("web1"), "+use(1) use1@1");
    assert_string_equal(passes("use1"), "-use=passed stop:web1");
    assert_string_equal(finish("web1", CIPLUG_CANCELLED), "-web=passed stop:db1");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=passed");
    assert_done();
}

static void users_wait_for_all_of_its_commands(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" SERVICE("db") "per = worker\n" STEP("use"));
    assert_string_equal(gets_ready("db2"), "");
    assert_string_equal(gets_ready("db1"), "+use(1) use1@1");
    assert_string_equal(passes("use1"), "-use=passed stop:db1 stop:db2");
}

/* --- death --- */

static void its_early_death_fails_it_and_cancels_its_users(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" SERVICE("db") STEP("use") "count = 3\n" STEP("later"));
    gets_ready("db1");
    assert_string_equal(passes("db1"), "stop:use1 stop:use2 drop:use3=cancelled -db=failed "
                                       "+later(1) drop:later1=skipped -later=skipped");
    assert_int_equal(last.outcome, CIPLUG_FAILED);
    assert_int_equal(running_task("use1")->why, STOP_SERVICE_DIED);
    finish("use1", CIPLUG_CANCELLED);
    assert_string_equal(finish("use2", CIPLUG_CANCELLED), "-use=cancelled");
    assert_true(schedule_failed(schedule));
    assert_done();
}

static void death_before_ready_fails_it_and_skips_its_users(void **state)
{
    (void)state;
    go(SERVICE("db") STEP("use"));
    assert_string_equal(passes("db1"), "-db=failed +use(1) drop:use1=skipped -use=skipped");
    assert_non_null(last.reason);
    assert_done();
}

static void death_before_ready_may_be_retried(void **state)
{
    (void)state;
    go(SERVICE("db") "retries = 1\n" STEP("use"));
    assert_string_equal(fails("db1"), "db1.2@2");
    assert_string_equal(gets_ready("db1"), "+use(1) use1@1");
    assert_string_equal(fails("db1"), "stop:use1 -db=failed");
    assert_true(last.final);
}

static void a_user_whose_if_is_asked_does_not_start_after_the_death(void **state)
{
    (void)state;
    go_mode(SERVICE("db") STEP("use") "if = x\n", FAILURE_KEEP_GOING);
    assert_string_equal(gets_ready("db1"), "if:use");
    assert_string_equal(fails("db1"), "-db=failed");
    assert_string_equal(answer_if("use", OPENED_RUN), "+use(1) drop:use1=skipped -use=skipped");
    assert_done();
}

static void a_user_by_way_of_others_does_not_start_after_the_death(void **state)
{
    (void)state;
    go_mode(SERVICE("db") STEP("use") STEP("slow") "needs =\n" STEP("both") "needs = use slow\n",
            FAILURE_KEEP_GOING);
    gets_ready("db1");
    passes("use1");
    assert_string_equal(fails("db1"), "-db=failed +both(1) drop:both1=skipped -both=skipped");
    assert_string_equal(passes("slow1"), "-slow=passed");
    assert_done();
}

static void a_part_that_dies_takes_the_rest_of_it_along(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" SERVICE("db") "per = worker\n" STEP("use"));
    gets_ready("db1");
    assert_string_equal(fails("db2"), "stop:db1 +use(1) drop:use1=skipped -use=skipped");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=failed");
    assert_done();
}

static void a_part_that_is_skipped_hurts_nobody(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 2\n" SERVICE("db") "per = worker\nskip_codes = 77\n" STEP("use"));
    gets_ready("db1");
    assert_string_equal(finish("db2", CIPLUG_SKIPPED), "+use(1) use1@1");
    assert_string_equal(passes("use1"), "-use=passed stop:db1");
}

static void a_skip_code_after_ready_is_a_death(void **state)
{
    (void)state;
    go(SERVICE("db") "skip_codes = 77\n" STEP("use"));
    gets_ready("db1");
    assert_string_equal(finish("db1", CIPLUG_SKIPPED), "stop:use1 -db=failed");
}

/* --- cancel, halt --- */

static void cancel_stops_it_whatever_the_order(void **state)
{
    (void)state;
    go(STEP("use") "needs = db\nlock = x\n" STEP("hog") "needs =\nlock = x\n" SERVICE(
        "db") "needs =\n");
    gets_ready("db1");
    assert_string_equal(cancels(), "stop:hog1 stop:db1 drop:use1=cancelled -use=cancelled");
    assert_int_equal(running_task("db1")->why, STOP_CANCEL);
    finish("hog1", CIPLUG_CANCELLED);
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=cancelled");
    assert_done();
}

static void halt_lets_users_end_and_then_stops_it(void **state)
{
    (void)state;
    go(SERVICE("db") STEP("use"));
    gets_ready("db1");
    assert_string_equal(halts(), "");
    assert_string_equal(passes("use1"), "-use=passed stop:db1");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=passed");
    assert_done();
}

static void halt_stops_one_that_is_not_ready_yet(void **state)
{
    (void)state;
    go(SERVICE("db") STEP("use"));
    assert_string_equal(halts(), "+use(1) drop:use1=cancelled -use=cancelled stop:db1");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=cancelled");
    assert_done();
}

static void ready_that_comes_too_late_starts_nothing(void **state)
{
    (void)state;
    go(SERVICE("db") STEP("use"));
    assert_string_equal(cancels(), "stop:db1 +use(1) drop:use1=cancelled -use=cancelled");
    assert_string_equal(gets_ready("db1"), "");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=cancelled");
    assert_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_start_when_it_is_ready_and_its_slot_is_free),
        cmocka_unit_test(it_lives_until_the_last_transitive_user_has_ended),
        cmocka_unit_test(a_failed_user_releases_it_too),
        cmocka_unit_test(one_that_nobody_needs_lives_as_long_as_anything_else),
        cmocka_unit_test(one_all_alone_is_stopped_when_it_is_ready),
        cmocka_unit_test(a_service_may_need_a_service),
        cmocka_unit_test(users_wait_for_all_of_its_commands),
        cmocka_unit_test(its_early_death_fails_it_and_cancels_its_users),
        cmocka_unit_test(death_before_ready_fails_it_and_skips_its_users),
        cmocka_unit_test(death_before_ready_may_be_retried),
        cmocka_unit_test(a_user_whose_if_is_asked_does_not_start_after_the_death),
        cmocka_unit_test(a_user_by_way_of_others_does_not_start_after_the_death),
        cmocka_unit_test(a_part_that_dies_takes_the_rest_of_it_along),
        cmocka_unit_test(a_part_that_is_skipped_hurts_nobody),
        cmocka_unit_test(a_skip_code_after_ready_is_a_death),
        cmocka_unit_test(cancel_stops_it_whatever_the_order),
        cmocka_unit_test(halt_lets_users_end_and_then_stops_it),
        cmocka_unit_test(halt_stops_one_that_is_not_ready_yet),
        cmocka_unit_test(ready_that_comes_too_late_starts_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_fake);
}
