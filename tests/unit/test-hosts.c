/* SPDX-License-Identifier: MIT
 *
 * Hosts that are up, lost and back, by a loop without processes: nothing is held for them.
 */
#include "hosts.h"
#include "plan-place.h"

#include <uv.h>

static uv_loop_t loop;
static struct launcher launcher;
static struct hosts *hosts;
static struct strbuf said;

static int no_intents(void *data, const struct launch *launch)
{
    (void)data;
    (void)launch;
    return 0;
}

static void on_changed(void *data, size_t host, enum host_state state)
{
    (void)data;
    strbuf_addf(&said, "%s=%s ", plan.hosts[host].name,
                state == HOST_USABLE ? "usable"
                : state == HOST_AWAY ? "away"
                                     : "gone");
}

static void on_tell(void *data, const char *text)
{
    (void)data;
    (void)text;
}

static void no_folder(void *data, const char *path)
{
    (void)data;
    fail_msg("a folder %s", path);
}

/* Host 0 is this machine. */
static int begin(void **state)
{
    static const struct hosts_hooks hooks = {
        .intents = no_intents, .changed = on_changed, .tell = on_tell, .folder = no_folder};
    (void)state;
    plan_text("[host a]\nworkers = 1\n[host b]\nworkers = 1\n"
              "[step s]\nhosts = a b\ncommand = x\n");
    assert_int_equal(made, 0);
    launcher = (struct launcher){.plan = &plan, .run = "abcd1234", .run_dir = "/nowhere/x"};
    assert_int_equal(uv_loop_init(&loop), 0);
    hosts = hosts_new(&loop, NULL, &launcher, &hooks, NULL);
    assert_int_equal(hosts_start(hosts), 0);
    strbuf_clear(&said);
    return 0;
}

static int end(void **state)
{
    (void)state;
    hosts_finish(hosts);
    uv_run(&loop, UV_RUN_DEFAULT);
    hosts_free(hosts);
    assert_int_equal(uv_loop_close(&loop), 0);
    strbuf_free(&said);
    return 0;
}

static void a_lost_host_comes_back(void **state)
{
    (void)state;
    assert_int_equal(hosts_state(hosts, 1), HOST_USABLE);
    assert_null(hosts_lost(hosts, 1));
    hosts_note_lost(hosts, 1, "no answer", clock_mono_ns());
    assert_string_equal(hosts_lost(hosts, 1), "no answer");
    assert_int_equal(hosts_state(hosts, 2), HOST_USABLE);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_null(hosts_lost(hosts, 1));
    assert_string_equal(strbuf_text(&said), "a=away a=usable ");
}

/* Three commands were lost at once; the ending of one comes when the host is back. */
static void what_was_lost_before_takes_nothing_down(void **state)
{
    (void)state;
    uint64_t then = clock_mono_ns();
    hosts_note_lost(hosts, 1, "no answer", then);
    hosts_note_lost(hosts, 1, "no answer", then);
    uv_run(&loop, UV_RUN_DEFAULT);
    hosts_note_lost(hosts, 1, "no answer", then);
    assert_null(hosts_lost(hosts, 1));
    assert_string_equal(strbuf_text(&said), "a=away a=usable ");
    /* Another one may be lost again. */
    hosts_note_lost(hosts, 1, "again", clock_mono_ns());
    assert_string_equal(hosts_lost(hosts, 1), "again");
}

static void at_the_end_of_a_run_nothing_comes_back(void **state)
{
    (void)state;
    hosts_note_lost(hosts, 1, "no answer", clock_mono_ns());
    hosts_quiet(hosts);
    hosts_note_lost(hosts, 2, "no answer", clock_mono_ns());
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_string_equal(hosts_lost(hosts, 1), "no answer");
    assert_string_equal(strbuf_text(&said), "a=away ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_host_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(what_was_lost_before_takes_nothing_down, begin, end),
        cmocka_unit_test_setup_teardown(at_the_end_of_a_run_nothing_comes_back, begin, end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
