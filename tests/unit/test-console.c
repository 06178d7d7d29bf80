/* SPDX-License-Identifier: MIT */
#include "console-stage.h"

/* A step with every kind of end, one without items, a cleanup that fails. */
static void tell_a_mixed_run(struct stage *stage)
{
    start_run(stage);
    start_step(stage, "unit", 5);
    struct ciplug_command one = command("unit", 1, "a\nb\033[32m"), two = command("unit", 2, "b");
    struct ciplug_command three = command("unit", 3, "c"), four = command("unit", 4, NULL);
    struct ciplug_result flaky = result(CIPLUG_PASSED, ""),
                         failed = result(CIPLUG_FAILED, "exit code 1");
    struct ciplug_result first = failed,
                         leaked = result(CIPLUG_PASSED, "left 1 process behind (killed): sleep");
    first.final = 0;
    flaky.flags = CIPLUG_FLAG_FLAKY;
    leaked.flags = CIPLUG_FLAG_LEAKED;
    four.worker = 7;
    four.host = "alpha";
    whole_command(stage, &one, result(CIPLUG_PASSED, ""), "out\033[1m\n", "err");
    whole_command(stage, &two, failed, "1\n2\n", "e1\ne2\n");
    whole_command(stage, &three, first, "try one\n", "");
    three.attempt = 2;
    whole_command(stage, &three, flaky, "", "");
    whole_command(stage, &four, leaked, "", "");
    for (uint32_t i = 5; i < 8; i++) {
        struct ciplug_command never = command("unit", i, NULL);
        struct ciplug_result cancelled = result(CIPLUG_CANCELLED, "not started after a failure");
        cancelled.started_ns = 0;
        send_command(stage, CIPLUG_COMMAND_FINISHED, &never, &cancelled);
    }
    end_step(stage, "unit", CIPLUG_FAILED, "2 failed");
    start_step(stage, "deploy", 1);
    end_step(stage, "deploy", CIPLUG_ERROR, "it found no item");
    struct ciplug_command down = command("down", 1, NULL);
    down.cleanup = 1;
    down.count = 1;
    whole_command(stage, &down, failed, "", "no such thing\n");
    struct ciplug_ledger ledger = {
        .size = sizeof ledger, .planned = 7, .passed = 3, .failed = 1, .cancelled = 3, .flaky = 1};
    end_run(stage, 1, &ledger);
}

static void a_run_in_groups(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, plain(), -1);
    tell_a_mixed_run(&stage);
    assert_stage(
        &stage,
        "run k3x9a0qz: ci: 2 steps\n"
        "step unit: 5 planned\n"
        "   PASS unit 1 [a^Jb^[[32m] (1.2s, worker 2)\n"
        "out^[[1m\n"
        "err\n"
        "   FAIL unit 2 [b]: exit code 1 (1.2s, worker 2)\n"
        "1\n2\ne1\ne2\n"
        "  RETRY unit 3 [c]: exit code 1 (1.2s, worker 2, attempt 1)\n"
        "try one\n"
        "  FLAKY unit 3 [c] (1.2s, worker 2, attempt 2)\n"
        "   PASS unit 4: left 1 process behind (killed): sleep (1.2s, worker 7 on alpha, leaked)\n"
        " CANCEL unit: 3 commands: not started after a failure\n"
        "step deploy\n"
        "  ERROR deploy: it found no item\n"
        "   FAIL cleanup down: exit code 1 (1.2s, worker 2)\n"
        "no such thing\n"
        "\nfailures:\n"
        "   FAIL unit 2 [b]: exit code 1 (1.2s, worker 2)\n"
        "        unit-2.1.out unit-2.1.err\n"
        "        | e1\n        | e2\n"
        " CANCEL unit: 3 commands: not started after a failure\n"
        "  ERROR deploy: it found no item\n"
        "\npassed only after a retry:\n"
        "  unit 3 [c] on attempt 2\n"
        "\nleft processes behind:\n"
        "  unit 4: left 1 process behind (killed): sleep\n"
        "\ncleanup failures:\n"
        "   FAIL cleanup down: exit code 1 (1.2s, worker 2)\n"
        "        down-1.1.err\n"
        "        | no such thing\n"
        "\n7 planned = 3 passed + 1 failed + 3 cancelled\n"
        "run k3x9a0qz failed (status 1) in 12.3s; logs: run/logs\n");
}

static void a_small_run(struct stage *stage)
{
    struct ciplug_command one = command("unit", 1, "a"), two = command("unit", 2, "b");
    start_run(stage);
    start_step(stage, "unit", 2);
    whole_command(stage, &one, result(CIPLUG_PASSED, ""), "fine\n", "");
    whole_command(stage, &two, result(CIPLUG_FAILED, "exit code 1"), "bad\n", "");
    end_step(stage, "unit", CIPLUG_FAILED, "");
    struct ciplug_ledger ledger = {.size = sizeof ledger, .planned = 2, .passed = 1, .failed = 1};
    end_run(stage, 1, &ledger);
}

#define SMALL_HEAD "run k3x9a0qz: ci: 2 steps\nstep unit: 2 planned\n"
#define SMALL_FAIL "   FAIL unit 2 [b]: exit code 1 (1.2s, worker 2)\n"
#define SMALL_LOGS "        unit-2.1.out\n"
#define SMALL_TAIL "        | bad\n"
#define SMALL_END  "run k3x9a0qz failed (status 1) in 12.3s; logs: run/logs\n"
#define SMALL_SUM  "\n2 planned = 1 passed + 1 failed\n" SMALL_END

static void output_modes(void **state)
{
    (void)state;
    struct stage stage;
    struct console_settings settings = plain();
    settings.output = CIPLUG_OUTPUT_FAILURES;
    stage_open(&stage, settings, -1);
    a_small_run(&stage);
    assert_stage(&stage, SMALL_HEAD SMALL_PASS SMALL_FAIL
                 "bad\n\nfailures:\n" SMALL_FAIL SMALL_LOGS SMALL_TAIL SMALL_SUM);
    settings.output = CIPLUG_OUTPUT_NONE;
    stage_open(&stage, settings, -1);
    a_small_run(&stage);
    assert_stage(&stage,
                 SMALL_HEAD SMALL_PASS SMALL_FAIL "\nfailures:\n" SMALL_FAIL SMALL_LOGS SMALL_SUM);
    settings.output = CIPLUG_OUTPUT_LIVE;
    stage_open(&stage, settings, -1);
    a_small_run(&stage);
    assert_stage(&stage, SMALL_HEAD "[unit 1] fine\n" SMALL_PASS "[unit 2] bad\n" SMALL_FAIL
                                    "\nfailures:\n" SMALL_FAIL SMALL_LOGS SMALL_TAIL SMALL_SUM);
}

static void quiet_shows_failures_only(void **state)
{
    (void)state;
    struct stage stage;
    struct console_settings settings = plain();
    settings.verbosity = -1;
    stage_open(&stage, settings, -1);
    a_small_run(&stage);
    assert_stage(&stage, SMALL_FAIL "bad\n" SMALL_END);
}

static void verbose_shows_starts_and_commands(void **state)
{
    (void)state;
    struct stage stage;
    struct console_settings settings = plain();
    settings.verbosity = 1;
    settings.color = true;
    stage_open(&stage, settings, -1);
    struct ciplug_command one = command("build", 1, NULL);
    one.count = 1;
    one.script = "make\nmake check";
    whole_command(&stage, &one, result(CIPLUG_PASSED, ""), "", "");
    end_step(&stage, "build", CIPLUG_PASSED, NULL);
    assert_stage(&stage, "  \033[36mSTART\033[0m build (worker 2)\n"
                         "        $ make^Jmake check\n"
                         "   \033[32mPASS\033[0m build (1.2s, worker 2)\n"
                         "step build passed\n");
}

static void a_step_has_its_own_output(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, plain(), -1);
    struct ciplug_command one = command("unit", 1, NULL);
    struct ciplug_result how = result(CIPLUG_PASSED, "");
    AUTO_FREE char *log = make_log("log", "shown\n");
    how.log_out = log;
    how.bytes_out = 6;
    struct ciplug_event event = {.kind = CIPLUG_COMMAND_STARTED,
                                 .step = "unit",
                                 .command = &one,
                                 .result = &how,
                                 .output = CIPLUG_OUTPUT_NONE};
    send(&stage, event);
    event.kind = CIPLUG_COMMAND_FINISHED;
    send(&stage, event);
    assert_stage(&stage, "   PASS unit 1 (1.2s, worker 2)\n");
}

/* A journal that ends in the middle. */
static void a_killed_run_is_replayed(void **state)
{
    (void)state;
    struct stage stage;
    struct console_settings settings = plain();
    settings.replay = true;
    stage_open(&stage, settings, -1);
    struct ciplug_command one = command("unit", 1, "a"), two = command("unit", 2, "b");
    start_run(&stage);
    start_step(&stage, "unit", 3);
    whole_command(&stage, &one, result(CIPLUG_PASSED, ""), "fine\n", "");
    send_command(&stage, CIPLUG_COMMAND_STARTED, &two, NULL);
    console_tick(stage.console, clock_mono_ns() + 100 * NS_PER_S);
    assert_int_equal(console_reporter.finish(stage.console), 0);
    assert_stage(&stage, "run k3x9a0qz: ci: 2 steps\nstep unit: 3 planned\n" SMALL_PASS
                         "fine\n\n3 planned = 1 passed\n"
                         "    RUN unit 2 [b] has not ended (worker 2)\n"
                         "run k3x9a0qz has not finished: 1 of 3 commands ended; logs: run/logs\n");
}

static void long_lists_have_few_tails(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, plain(), -1);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (int i = 0; i < 3000; i++)
        strbuf_addf(&text, "line %d\n", i);
    for (uint32_t i = 1; i <= 30; i++) {
        struct ciplug_command one = command("unit", i, NULL);
        whole_command(&stage, &one, result(CIPLUG_FAILED, "exit code 1"), text.buf, "");
    }
    end_run(&stage, 1, NULL);
    char *data = stage_close(&stage);
    const char *list = strstr(data, "\nfailures:\n");
    assert_non_null(list);
    size_t heads = 0, tails = 0;
    for (const char *p = list; (p = strstr(p, "   FAIL unit ")); p++)
        heads++;
    for (const char *p = list; (p = strstr(p, "        | line ")); p++)
        tails++;
    assert_int_equal(heads, 30);
    assert_int_equal(tails, 20 * 20);
    assert_non_null(strstr(list, "\n        | line 2980\n"));
    assert_null(strstr(list, "\n        | line 2979\n"));
    free(data);
}

static const char *brackets(void *self, int32_t what, const char *line,
                            const struct ciplug_event *event)
{
    static char text[256];
    (void)self;
    if (what == CIPLUG_MARK_NEVER)
        return NULL;
    snprintf(text, sizeof text, "%s %s%s%s", what == CIPLUG_MARK_OPEN ? "<" : ">",
             line ? "LINE " : "", line ? line : "", event ? " END" : "");
    return text;
}

/* What is said of a command stands in the mark then, and only there. */
static void marks_stand_around_output(void **state)
{
    (void)state;
    static const struct ciplug_reporter marking = {.size = sizeof marking, .mark = brackets};
    struct events events = {0};
    events_add(&events, "marks", &marking, NULL);
    struct stage stage;
    struct console_settings settings = plain();
    settings.events = &events;
    stage_open(&stage, settings, -1);
    a_small_run(&stage);
    assert_stage(&stage, SMALL_HEAD "< LINE PASS unit 1 [a] (1.2s, worker 2) END\nfine\n>  END\n"
                                    "< LINE FAIL unit 2 [b]: exit code 1 (1.2s, worker 2) END\n"
                                    "bad\n>  END\n\nfailures:\n" SMALL_FAIL SMALL_LOGS
                                    "< \n" SMALL_TAIL SMALL_SUM "> \n");
    settings.output = CIPLUG_OUTPUT_LIVE;
    stage_open(&stage, settings, -1);
    a_small_run(&stage);
    assert_stage(&stage, SMALL_HEAD "< \n[unit 1] fine\n" SMALL_PASS ">  END\n"
                                    "< \n[unit 2] bad\n" SMALL_FAIL
                                    ">  END\n\nfailures:\n" SMALL_FAIL SMALL_LOGS
                                    "< \n" SMALL_TAIL SMALL_SUM "> \n");
    events_free(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_in_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(output_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(quiet_shows_failures_only, setup, teardown),
        cmocka_unit_test_setup_teardown(verbose_shows_starts_and_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_has_its_own_output, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_run_is_replayed, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lists_have_few_tails, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_stand_around_output, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
