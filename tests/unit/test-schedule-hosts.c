/* SPDX-License-Identifier: MIT
 *
 * Hosts that come and go, commands that are lost with them, and a host that alone fails them all.
 */
#include "fake-executor.h"

/* Slots: 1 here, 2 and 3 on a, 4 and 5 on b. */
#define HOSTS "[ciplug]\nworkers = 1\n[host a]\nworkers = 2\n[host b]\nworkers = 2\n"
#define STEP  "[step s]\nhosts = a b\ncommand = x\n"

static void what_is_away_gets_nothing_until_it_is_back(void **state)
{
    (void)state;
    go(HOSTS STEP "count = 4\n");
    host_is("a", HOST_AWAY);
    assert_string_equal(passes("s1"), "");
    assert_string_equal(passes("s3"), "");
    assert_string_equal(host_is("a", HOST_USABLE), "");
    passes("s2");
    assert_string_equal(passes("s4"), "-s=passed");
    assert_done();
}

static void a_lost_command_goes_to_another_host(void **state)
{
    (void)state;
    go(HOSTS STEP);
    set_host(1, HOST_AWAY);
    assert_string_equal(loses("s1"), "");
    assert_true(last.requeued && !last.final);
    /* It may still run there. */
    assert_string_equal(wait_ns(24 * NS_PER_S), "");
    assert_int_equal(schedule_wake(schedule), now_ns + NS_PER_S);
    assert_string_equal(wait_ns(NS_PER_S), "s1.2@4");
    assert_string_equal(passes("s1"), "-s=passed");
    assert_int_equal(last.flags, 0);
    assert_done();
}

static void losses_are_no_retries(void **state)
{
    (void)state;
    go(HOSTS STEP "retries = 1\n");
    loses("s1");
    assert_string_equal(wait_ns(25 * NS_PER_S), "s1.2@4");
    assert_string_equal(fails("s1"), "s1.3@2");
    assert_string_equal(fails("s1"), "-s=failed");
    assert_done();
}

static void it_is_lost_three_times_at_most(void **state)
{
    (void)state;
    go(HOSTS STEP);
    for (int i = 0; i < 3; i++) {
        loses("s1");
        assert_true(last.requeued);
        wait_ns(25 * NS_PER_S);
    }
    assert_string_equal(loses("s1"), "-s=error");
    assert_true(last.final);
    assert_done();
}

static void on_host_loss_fail_tries_no_more(void **state)
{
    (void)state;
    go(HOSTS STEP "on_host_loss = fail\n");
    assert_string_equal(loses("s1"), "-s=error");
    assert_done();
}

static void a_lost_batch_stays_whole(void **state)
{
    (void)state;
    go(HOSTS STEP "items = w x y z\nbatch = 4\n");
    loses("s1");
    assert_true(last.requeued && !last.by_item);
    assert_string_equal(wait_ns(25 * NS_PER_S), "s1.2[4]@4");
    passes("s1");
    assert_done();
}

/* By its guard it may live on for as long as that, and must not run beside itself. */
static void a_retry_waits_until_the_lost_one_is_gone(void **state)
{
    (void)state;
    go(HOSTS STEP "on_host_loss = fail\nretries = 1\nretry_delay = 1s\n");
    assert_string_equal(loses("s1"), "");
    assert_false(last.requeued || last.final);
    assert_int_equal(last.retry_ns, 25 * NS_PER_S);
    assert_string_equal(wait_ns(24 * NS_PER_S), "");
    assert_int_equal(schedule_wake(schedule), now_ns + NS_PER_S);
    assert_string_equal(wait_ns(NS_PER_S), "s1.2@4");
    assert_string_equal(passes("s1"), "-s=passed");
    assert_done();
}

static void a_longer_delay_of_retries_stays(void **state)
{
    (void)state;
    go(HOSTS STEP "on_host_loss = fail\nretries = 1\nretry_delay = 60s\n");
    loses("s1");
    assert_int_equal(last.retry_ns, 60 * NS_PER_S);
    assert_string_equal(wait_ns(25 * NS_PER_S), "");
    assert_string_equal(wait_ns(35 * NS_PER_S), "s1.2@4");
    passes("s1");
    assert_done();
}

/* The same for the items of a batch, which are tried one by one. */
static void items_wait_until_their_lost_batch_is_gone(void **state)
{
    (void)state;
    go(HOSTS STEP "items = w x y z\nbatch = 4\non_host_loss = fail\n");
    assert_string_equal(loses("s1"), "");
    assert_true(last.by_item);
    assert_string_equal(wait_ns(24 * NS_PER_S), "");
    assert_int_equal(schedule_wake(schedule), now_ns + NS_PER_S);
    assert_string_equal(wait_ns(NS_PER_S), "s2.2@2 s3.2@3 s4.2@4 s5.2@5");
    passes("s2");
    passes("s3");
    passes("s4");
    passes("s5");
    assert_done();
}

static void without_a_host_it_is_an_error(void **state)
{
    (void)state;
    go(HOSTS STEP "count = 6\n");
    assert_string_equal(host_is("a", HOST_GONE), "");
    assert_string_equal(passes("s3"), "s5@4");
    set_host(2, HOST_GONE);
    assert_string_equal(pump(), "drop:s6=error");
    assert_non_null(strstr(last_reason, "no host left: a, b"));
    passes("s1");
    passes("s2");
    passes("s4");
    assert_string_equal(passes("s5"), "-s=error");
    assert_done();
}

static void what_is_pinned_waits_or_fails(void **state)
{
    (void)state;
    go(HOSTS STEP "per = host\n");
    set_host(1, HOST_AWAY);
    loses("s1");
    passes("s2");
    assert_string_equal(wait_ns(60 * NS_PER_S), "");
    assert_string_equal(host_is("a", HOST_USABLE), "s1.2@2");
    set_host(1, HOST_AWAY);
    loses("s1");
    assert_string_equal(host_is("a", HOST_GONE), "drop:s1=error -s=error");
    assert_done();
}

static void what_is_away_for_ever_holds_nobody_else(void **state)
{
    (void)state;
    go(HOSTS STEP);
    host_is("a", HOST_AWAY);
    passes("s1");
    assert_done();
}

static void a_retry_prefers_another_host(void **state)
{
    (void)state;
    go(HOSTS STEP "retries = 1\n");
    assert_string_equal(fails("s1"), "s1.2@4");
    passes("s1");
    assert_done();
}

static void a_host_that_alone_fails_them_is_put_aside(void **state)
{
    (void)state;
    go(HOSTS STEP "count = 9\nworkers = 2-3\n");
    assert_string_equal(fails("s1"), "s3@3");
    assert_string_equal(passes("s2"), "s4@4");
    assert_null(last.aside);
    assert_string_equal(fails("s3"), "s5@3");
    assert_null(last.aside);
    assert_string_equal(fails("s5"), "");
    assert_non_null(last.aside);
    assert_string_equal(last.aside->name, "a");
    assert_string_equal(passes("s4"), "s6@4");
}

static void failures_everywhere_put_nobody_aside(void **state)
{
    (void)state;
    go(HOSTS STEP "count = 9\nworkers = 2-3\n");
    passes("s2");
    for (int i = 1; i < 4; i++) {
        struct task *here = running[0], *there = running[1];
        finish_task(here, CIPLUG_FAILED, 0);
        assert_null(last.aside);
        finish_task(there, CIPLUG_FAILED, 0);
        assert_null(last.aside);
        pump();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_away_gets_nothing_until_it_is_back),
        cmocka_unit_test(a_lost_command_goes_to_another_host),
        cmocka_unit_test(losses_are_no_retries),
        cmocka_unit_test(it_is_lost_three_times_at_most),
        cmocka_unit_test(on_host_loss_fail_tries_no_more),
        cmocka_unit_test(a_lost_batch_stays_whole),
        cmocka_unit_test(a_retry_waits_until_the_lost_one_is_gone),
        cmocka_unit_test(a_longer_delay_of_retries_stays),
        cmocka_unit_test(items_wait_until_their_lost_batch_is_gone),
        cmocka_unit_test(without_a_host_it_is_an_error),
        cmocka_unit_test(what_is_pinned_waits_or_fails),
        cmocka_unit_test(what_is_away_for_ever_holds_nobody_else),
        cmocka_unit_test(a_retry_prefers_another_host),
        cmocka_unit_test(a_host_that_alone_fails_them_is_put_aside),
        cmocka_unit_test(failures_everywhere_put_nobody_aside),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_fake);
}
