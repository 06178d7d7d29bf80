/* SPDX-License-Identifier: MIT
 *
 * Who runs next, and where: needs, file order, slots, pinning, weight, locks.
 */
#include "fake-executor.h"

#define STEP(name) "[step " name "]\ncommand = x\n"

static void a_step_waits_for_the_one_above(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") STEP("b")), "+a(1) a1@1");
    assert_string_equal(passes("a1"), "-a=passed +b(1) b1@1");
    assert_string_equal(passes("b1"), "-b=passed");
    assert_done();
}

static void steps_whose_needs_are_met_run_side_by_side(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") STEP("b") "needs = a\n" STEP("c") "needs = a\n" STEP(
                            "d") "needs = b c\n" STEP("e") "needs =\n"),
                        "+a(1) +e(1) a1@1 e1@2");
    assert_string_equal(passes("a1"), "-a=passed +b(1) +c(1) b1@1 c1@3");
    assert_string_equal(passes("c1"), "-c=passed");
    assert_string_equal(passes("b1"), "-b=passed +d(1) d1@1");
    assert_string_equal(passes("e1"), "-e=passed");
    assert_string_equal(passes("d1"), "-d=passed");
    assert_done();
}

static void file_order_decides_where_slots_are_short(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("a") "count = 2\n" STEP("b") "needs =\n" STEP(
        "c") "needs =\n");
    assert_string_equal(passes("a1"), "a2@1");
    assert_string_equal(passes("a2"), "-a=passed b1@1");
    assert_string_equal(passes("b1"), "-b=passed c1@1");
}

static void an_earlier_step_comes_first_though_it_opens_later(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 1\n" STEP("z") STEP("a") STEP("b") "needs =\ncount = 2\n");
    assert_string_equal(passes("z1"), "-z=passed +a(1) a1@1");
    assert_string_equal(passes("a1"), "-a=passed b1@1");
}

static void a_command_takes_the_lowest_free_slot(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "count = 6\n"), "+a(6) a1@1 a2@2 a3@3 a4@4");
    assert_string_equal(passes("a3"), "a5@3");
    finish_task(running_task("a4"), CIPLUG_PASSED, 0);
    finish_task(running_task("a2"), CIPLUG_PASSED, 0);
    assert_string_equal(pump(), "a6@2");
}

static void a_range_names_its_slots(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "count = 4\nworkers = 2-3\n"), "+a(4) a1@2 a2@3");
    assert_string_equal(passes("a2"), "a3@3");
}

static void a_plain_number_is_any_so_many(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") STEP("b") "needs =\ncount = 4\nworkers = 2\n"),
                        "+a(1) +b(4) a1@1 b1@2 b2@3");
    assert_string_equal(passes("a1"), "-a=passed");
    assert_string_equal(passes("b1"), "b3@1");
}

static void per_worker_gives_each_slot_its_own_command(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "workers = 1-1\n" STEP("b") "needs =\nper = worker\n"
                                                                 "workers = 1-3\n"),
                        "+a(1) +b(3) a1@1 b2@2 b3@3");
    assert_string_equal(passes("b3"), "");
    assert_string_equal(passes("a1"), "-a=passed b1@1");
}

static void per_host_gives_each_host_one_command(void **state)
{
    (void)state;
    assert_string_equal(go("[host n]\nworkers = 2\n[host s]\n" STEP("a") "per = host\n"
                                                                         "hosts = all\n"),
                        "+a(3) a1@1 a2@5 a3@7");
}

static void a_pinned_retry_stays(void **state)
{
    (void)state;
    go(STEP("a") "per = worker\nretries = 1\n");
    assert_string_equal(fails("a2"), "a2.2@2");
}

/* --- ramp --- */

#define RAMPED(name) STEP(name) "uses = docker.up\n"

static void a_ramp_bounds_how_many_run_at_once(void **state)
{
    (void)state;
    assert_string_equal(go(RAMPED("a") "count = 4\ndocker.ramp = 2\n"), "+a(4) a1@1 a2@2");
    assert_string_equal(passes("a1"), "a3@1");
    assert_string_equal(passes("a3"), "a4@1");
    passes("a2");
    passes("a4");
    assert_done();
}

static void a_ramp_counts_commands_and_not_slots(void **state)
{
    (void)state;
    assert_string_equal(go(RAMPED("a") "count = 3\nweight = 2\ndocker.ramp = 2\n"),
                        "+a(3) a1@1,2 a2@3,4");
}

static void who_waits_for_the_ramp_keeps_nobody(void **state)
{
    (void)state;
    assert_string_equal(go(RAMPED("a") "per = worker\ndocker.ramp = 1\n" STEP("b") "needs =\n"
                                                                                   "count = 5\n"),
                        "+a(4) +b(5) a1@1 b1@2 b2@3 b3@4");
    assert_string_equal(passes("b2"), "b4@3");
    assert_string_equal(passes("a1"), "b5@1");
    assert_string_equal(passes("b1"), "a2@2");
}

static void a_heavy_command_keeps_no_slot_where_the_ramp_is_full(void **state)
{
    (void)state;
    assert_string_equal(go("[host far]\nworkers = 3\n" STEP("z") "count = 2\nhosts = far\n" RAMPED(
                            "a") "needs =\ncount = 3\nweight = 2\nhosts = all\n"
                                 "docker.ramp = 1\n" STEP("b") "needs =\ncount = 3\n"
                                                               "hosts = all\n"),
                        "+z(2) +a(3) +b(3) z1@5 z2@6 a1@1,2 b1@3 b2@4");
    assert_string_equal(passes("z1"), "a2@5,7");
}

static void each_host_has_its_own_ramp(void **state)
{
    (void)state;
    assert_string_equal(go("[docker]\nramp = 3\n[host far]\nworkers = 4\ndocker.ramp = 1\n" RAMPED(
                            "a") "count = 9\nhosts = all\n"),
                        "+a(9) a1@1 a2@2 a3@3 a4@5");
    assert_string_equal(passes("a4"), "a5@5");
    assert_string_equal(passes("a2"), "a6@2");
}

static void the_builders_of_a_host_are_ramped_too(void **state)
{
    (void)state;
    assert_string_equal(go("[docker]\nramp = 1\n[host far]\nworkers = 4\nuses = docker.up\n" STEP(
                            "a") "count = 6\nhosts = all\n"),
                        "+a(6) a1@1 a2@2 a3@3 a4@4 a5@5");
}

static void a_service_that_is_ready_is_off_the_ramp(void **state)
{
    (void)state;
    assert_string_equal(
        go(RAMPED("a") "per = worker\nworkers = 1-2\nready = x\ndocker.ramp = 1\n" STEP("b")),
        "+a(2) a1@1");
    assert_string_equal(gets_ready("a1"), "a2@2");
    assert_string_equal(gets_ready("a2"), "+b(1) b1@1");
}

/* --- weight --- */

static void a_heavy_command_takes_several_slots(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "count = 3\nweight = 2\n"), "+a(3) a1@1,2 a2@3,4");
    assert_string_equal(passes("a1"), "a3@1,2");
}

static void lighter_commands_behind_do_not_starve_a_heavy_one(void **state)
{
    (void)state;
    go("[ciplug]\nworkers = 3\n" STEP("z") "count = 3\n" STEP("heavy") "needs =\nweight = 3\n" STEP(
        "light") "needs =\ncount = 5\n");
    assert_string_equal(passes("z1"), "");
    assert_string_equal(passes("z3"), "");
    assert_string_equal(passes("z2"), "-z=passed heavy1@1,2,3");
    assert_string_equal(passes("heavy1"), "-heavy=passed light1@1 light2@2 light3@3");
}

static void a_heavy_command_keeps_only_slots_that_it_can_use(void **state)
{
    (void)state;
    assert_string_equal(
        go("[ciplug]\nworkers = 2\n[host n]\nworkers = 1\n" STEP("z")
               STEP("heavy") "needs =\nweight = 2\nhosts = all\n" STEP("light") "needs =\n"
                                                                                "hosts = all\n"),
        "+z(1) +heavy(1) +light(1) z1@1 light1@3");
    assert_string_equal(passes("z1"), "-z=passed heavy1@1,2");
}

static void slots_of_a_heavy_command_are_of_one_host(void **state)
{
    (void)state;
    assert_string_equal(go("[ciplug]\nworkers = 1\n[host n]\nworkers = 3\n" STEP(
                            "a") "weight = 2\nhosts = all\ncount = 2\n"),
                        "+a(2) a1@2,3");
}

static void a_plain_number_bounds_weights_too(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "count = 3\nweight = 2\nworkers = 3\n"), "+a(3) a1@1,2");
}

/* --- locks --- */

static void a_lock_is_held_once_across_steps(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "lock = db\ncount = 2\n" STEP("b") "needs =\nlock = db\n" STEP(
                            "c") "needs =\nlock = net\n"),
                        "+a(2) +b(1) +c(1) a1@1 c1@2");
    assert_string_equal(passes("a1"), "a2@1");
    assert_string_equal(passes("a2"), "-a=passed b1@1");
}

static void locks_are_taken_all_or_none(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "lock = x\n" STEP("b") "needs =\nlock = x y\n" STEP(
                            "c") "needs =\nlock = y\n" STEP("d") "needs =\nlock = y x\n"),
                        "+a(1) +b(1) +c(1) +d(1) a1@1 c1@2");
    assert_string_equal(passes("a1"), "-a=passed");
    assert_string_equal(passes("c1"), "-c=passed b1@1");
    assert_string_equal(passes("b1"), "-b=passed d1@1");
    assert_string_equal(passes("d1"), "-d=passed");
    assert_done();
}

static void a_lock_may_differ_by_slot(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "lock = port{worker}\ncount = 3\n"), "+a(3) a1@1 a2@2 a3@3");
}

static void a_lock_is_free_between_attempts(void **state)
{
    (void)state;
    go(STEP("a") "lock = x\nretries = 1\nretry_delay = 10s\n" STEP("b") "needs =\nlock = x\n");
    assert_string_equal(fails("a1"), "b1@1");
    assert_string_equal(wait_ns(20 * NS_PER_S), "");
    assert_string_equal(passes("b1"), "-b=passed a1.2@2");
}

static void a_lock_that_its_own_service_holds_is_an_error_and_no_hang(void **state)
{
    (void)state;
    go(STEP("db") "ready = x\nlock = db\n" STEP("use") "lock = db\n" STEP("other") "needs =\n");
    assert_string_equal(gets_ready("db1"), "+use(1)");
    assert_string_equal(passes("other1"), "-other=passed drop:use1=error -use=error stop:db1");
    assert_string_equal(finish("db1", CIPLUG_CANCELLED), "-db=passed");
    assert_true(schedule_failed(schedule));
    assert_done();
}

/* --- if, and what is empty --- */

static void if_may_run_skip_or_fail(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("a") "if = x\n" STEP("b")), "if:a");
    assert_string_equal(answer_if("a", OPENED_SKIP), "+a(1) drop:a1=skipped -a=skipped +b(1) b1@1");
    assert_false(schedule_started(schedule, step_named("a")));
    assert_true(schedule_started(schedule, step_named("b")));
    go(STEP("a") "if = x\n" STEP("b"));
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(1) a1@1");
    go(STEP("a") "if = x\n" STEP("b"));
    assert_string_equal(answer_if("a", OPENED_ERROR),
                        "+a(1) drop:a1=error -a=error +b(1) drop:b1=skipped -b=skipped");
    assert_true(schedule_failed(schedule));
    assert_done();
}

static void a_step_without_items_is_an_error(void **state)
{
    (void)state;
    assert_string_equal(go(STEP("list") STEP("a") "items_from = list\n" STEP("b")),
                        "+list(1) list1@1");
    assert_string_equal(passes("list1"),
                        "-list=passed +a(0) -a=error +b(1) drop:b1=skipped -b=skipped");
    assert_true(schedule_empty(schedule));
    assert_true(schedule_failed(schedule));
    assert_done();
}

static void an_empty_step_may_be_allowed(void **state)
{
    (void)state;
    go(STEP("list") STEP("a") "items_from = list\nallow_empty = yes\n" STEP("b"));
    assert_string_equal(passes("list1"), "-list=passed +a(0) -a=passed +b(1) b1@1");
    assert_false(schedule_empty(schedule));
}

static void what_an_earlier_run_passed_is_dropped_as_skipped(void **state)
{
    (void)state;
    plan_for(STEP("a") "count = 3\nif = x\n");
    new_schedule(false, FAILURE_FINISH_STEPS);
    assert_string_equal(pump(), "if:a");
    schedule_carry(schedule, mutable_step("a"), 0, "passed in run x");
    schedule_carry(schedule, mutable_step("a"), 2, "passed in run x");
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(3) drop:a1=skipped drop:a3=skipped a2@1");
    assert_string_equal(last_reason, "passed in run x");
    assert_string_equal(passes("a2"), "-a=passed");
    assert_done();
}

static void carried_items_are_in_no_batch(void **state)
{
    (void)state;
    plan_for(STEP("a") "items = a b c d e\nbatch = 2\nif = x\n");
    new_schedule(false, FAILURE_FINISH_STEPS);
    pump();
    schedule_carry(schedule, mutable_step("a"), 1, "passed in run x");
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(5) drop:a1=skipped a2[2]@1 a3[2]@2");
}

static void a_carried_group_is_one_command(void **state)
{
    (void)state;
    plan_for(STEP("a") "items = p q r t\nsplit = 2\nif = x\n");
    new_schedule(false, FAILURE_FINISH_STEPS);
    pump();
    schedule_carry(schedule, mutable_step("a"), 0, "passed in run x");
    schedule_carry(schedule, mutable_step("a"), 2, "passed in run x");
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(4) drop:a1=skipped a2[2]@1");
    assert_true(schedule_started(schedule, step_named("a")));
}

static void batches_that_are_known_come_first(void **state)
{
    (void)state;
    plan_for(STEP("a") "items = p q r t u\nbatch = 2\nif = x\n");
    new_schedule(false, FAILURE_FINISH_STEPS);
    pump();
    struct planned known = {.number = 3, .units = xcalloc(2, sizeof(size_t)), .n = 2};
    known.units[0] = 1;
    known.units[1] = 4;
    plan_regroup(&plan, mutable_step("a"), &known, 1);
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(5) a3[2]@1 a4[2]@2 a5@3");
    assert_string_equal(fails("a3"), "a6.2@1 a7.2@4");
}

static void what_was_carried_as_a_whole_was_not_started(void **state)
{
    (void)state;
    plan_for(STEP("a") "if = x\n");
    new_schedule(false, FAILURE_FINISH_STEPS);
    pump();
    schedule_carry(schedule, mutable_step("a"), 0, "passed in run x");
    answer_if("a", OPENED_RUN);
    assert_false(schedule_started(schedule, step_named("a")));
}

static void a_step_carried_as_a_whole_satisfies(void **state)
{
    (void)state;
    plan_for(STEP("a") "if = x\n" STEP("b"));
    new_schedule(false, FAILURE_FINISH_STEPS);
    pump();
    schedule_carry(schedule, mutable_step("a"), 0, "passed in run x");
    assert_string_equal(answer_if("a", OPENED_RUN), "+a(1) drop:a1=skipped -a=skipped +b(1) b1@1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_waits_for_the_one_above),
        cmocka_unit_test(steps_whose_needs_are_met_run_side_by_side),
        cmocka_unit_test(file_order_decides_where_slots_are_short),
        cmocka_unit_test(an_earlier_step_comes_first_though_it_opens_later),
        cmocka_unit_test(a_command_takes_the_lowest_free_slot),
        cmocka_unit_test(a_range_names_its_slots),
        cmocka_unit_test(a_plain_number_is_any_so_many),
        cmocka_unit_test(per_worker_gives_each_slot_its_own_command),
        cmocka_unit_test(per_host_gives_each_host_one_command),
        cmocka_unit_test(a_pinned_retry_stays),
        cmocka_unit_test(a_ramp_bounds_how_many_run_at_once),
        cmocka_unit_test(a_ramp_counts_commands_and_not_slots),
        cmocka_unit_test(who_waits_for_the_ramp_keeps_nobody),
        cmocka_unit_test(a_heavy_command_keeps_no_slot_where_the_ramp_is_full),
        cmocka_unit_test(each_host_has_its_own_ramp),
        cmocka_unit_test(the_builders_of_a_host_are_ramped_too),
        cmocka_unit_test(a_service_that_is_ready_is_off_the_ramp),
        cmocka_unit_test(a_heavy_command_takes_several_slots),
        cmocka_unit_test(lighter_commands_behind_do_not_starve_a_heavy_one),
        cmocka_unit_test(a_heavy_command_keeps_only_slots_that_it_can_use),
        cmocka_unit_test(slots_of_a_heavy_command_are_of_one_host),
        cmocka_unit_test(a_plain_number_bounds_weights_too),
        cmocka_unit_test(a_lock_is_held_once_across_steps),
        cmocka_unit_test(locks_are_taken_all_or_none),
        cmocka_unit_test(a_lock_may_differ_by_slot),
        cmocka_unit_test(a_lock_is_free_between_attempts),
        cmocka_unit_test(a_lock_that_its_own_service_holds_is_an_error_and_no_hang),
        cmocka_unit_test(if_may_run_skip_or_fail),
        cmocka_unit_test(a_step_without_items_is_an_error),
        cmocka_unit_test(an_empty_step_may_be_allowed),
        cmocka_unit_test(what_an_earlier_run_passed_is_dropped_as_skipped),
        cmocka_unit_test(carried_items_are_in_no_batch),
        cmocka_unit_test(a_carried_group_is_one_command),
        cmocka_unit_test(batches_that_are_known_come_first),
        cmocka_unit_test(what_was_carried_as_a_whole_was_not_started),
        cmocka_unit_test(a_step_carried_as_a_whole_satisfies),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_fake);
}
