/* SPDX-License-Identifier: MIT
 *
 * From how an attempt ended to what is said about it.
 */
#include "classify.h"
#include "util.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct step step;
static struct ciplug_result result;
static struct strbuf reason;

static int judge(struct attempt_end end)
{
    strbuf_clear(&reason);
    result = (struct ciplug_result){.size = sizeof result};
    int outcome = classify(&step, &end, &result, &reason);
    assert_int_equal(outcome, result.outcome);
    return outcome;
}

static int clear_step(void **state)
{
    (void)state;
    step = (struct step){.timeout_ns = 2 * NS_PER_S};
    return 0;
}

#define EXITED(...) ((struct attempt_end){.code = CLD_EXITED, __VA_ARGS__})

static void exit_codes(void **state)
{
    (void)state;
    assert_int_equal(judge(EXITED(.status = 0)), CIPLUG_PASSED);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(strbuf_text(&reason), "");
    assert_int_equal(judge(EXITED(.status = 255)), CIPLUG_FAILED);
    assert_int_equal(result.exit_code, 255);
    assert_int_equal(result.signal, 0);
    assert_string_equal(strbuf_text(&reason), "exit code 255");
}

static void skip_codes_skip(void **state)
{
    (void)state;
    step.skip_codes[77] = true;
    assert_int_equal(judge(EXITED(.status = 77)), CIPLUG_SKIPPED);
    assert_int_equal(result.exit_code, 77);
    assert_int_equal(judge(EXITED(.status = 78)), CIPLUG_FAILED);
}

static void signals_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(judge((struct attempt_end){.code = CLD_DUMPED, .status = SIGSEGV}),
                     CIPLUG_SIGNALED);
    assert_int_equal(result.signal, SIGSEGV);
    assert_int_equal(result.exit_code, -1);
    assert_string_equal(strbuf_text(&reason), "died by signal 11 (SIGSEGV), core dumped");
}

static void what_was_signalled_has_no_evidence(void **state)
{
    (void)state;
    step.skip_codes[0] = true;
    assert_int_equal(judge(EXITED(.ended = HAND_ENDED_TIMEOUT, .status = 0)), CIPLUG_TIMEOUT);
    assert_int_equal(result.exit_code, -1);
    assert_non_null(strstr(strbuf_text(&reason), "after 2"));
    struct attempt_end stopped = {.ended = HAND_ENDED_STOP, .code = CLD_KILLED, .status = SIGTERM};
    assert_int_equal(judge(stopped), CIPLUG_CANCELLED);
    assert_int_equal(result.signal, 0);
}

static void what_could_not_run_is_an_error(void **state)
{
    (void)state;
    struct attempt_end end = {.refused = true, .where = HAND_WHERE_PROGRAM, .error = ENOENT};
    assert_int_equal(judge(end), CIPLUG_ERROR);
    assert_int_equal(result.exit_code, -1);
    assert_non_null(strstr(strbuf_text(&reason), strerror(ENOENT)));
    assert_int_equal(judge(EXITED(.lost = true)), CIPLUG_ERROR);
    assert_int_equal(result.exit_code, -1);
}

static void leaks_are_flagged_and_fail_where_told(void **state)
{
    (void)state;
    assert_int_equal(judge(EXITED(.leaked = 1)), CIPLUG_PASSED);
    assert_int_equal(result.flags, CIPLUG_FLAG_LEAKED);
    assert_non_null(strstr(strbuf_text(&reason), "left 1 process behind (killed)"));
    step.on_leak = ON_LEAK_KEEP;
    assert_int_equal(judge(EXITED(.leaked = 2)), CIPLUG_PASSED);
    assert_non_null(strstr(strbuf_text(&reason), "left 2 processes behind (kept)"));
    step.on_leak = ON_LEAK_FAIL;
    assert_int_equal(judge(EXITED(.leaked = 1)), CIPLUG_FAILED);
    assert_int_equal(judge(EXITED(.leaked = 1, .status = 3)), CIPLUG_FAILED);
    assert_non_null(strstr(strbuf_text(&reason), "exit code 3; left 1 process"));
}

static void a_skipped_command_that_leaks_stays_skipped(void **state)
{
    (void)state;
    step.on_leak = ON_LEAK_FAIL;
    step.skip_codes[77] = true;
    assert_int_equal(judge(EXITED(.leaked = 1, .status = 77)), CIPLUG_SKIPPED);
    assert_int_equal(result.flags, CIPLUG_FLAG_LEAKED);
}

static void what_cannot_be_killed_is_flagged(void **state)
{
    (void)state;
    assert_int_equal(judge(EXITED(.unkillable = 2)), CIPLUG_PASSED);
    assert_int_equal(result.flags, CIPLUG_FLAG_UNKILLABLE);
    assert_non_null(strstr(strbuf_text(&reason), "2 processes cannot be killed"));
}

#define GUARDED(...)                                                                               \
    ((struct attempt_end){.guarded = true, .started = true, .begun = true, __VA_ARGS__})

static void a_guards_word_decides(void **state)
{
    (void)state;
    assert_int_equal(judge(GUARDED(.confirmed = true, .code = CLD_EXITED, .status = 255)),
                     CIPLUG_PASSED);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(strbuf_text(&reason), "");
    assert_int_equal(judge(GUARDED(.confirmed = true, .guard_exit = 3)), CIPLUG_FAILED);
    assert_int_equal(result.exit_code, 3);
    assert_string_equal(strbuf_text(&reason), "exit code 3");
    assert_int_equal(judge(GUARDED(.confirmed = true, .guard_exit = 137, .code = CLD_KILLED)),
                     CIPLUG_FAILED);
    assert_int_equal(result.exit_code, 137);
    assert_int_equal(result.signal, 0);
    assert_string_equal(strbuf_text(&reason), "exit code 137 (128 + SIGKILL)");
    judge(GUARDED(.confirmed = true, .guard_exit = 255));
    assert_string_equal(strbuf_text(&reason), "exit code 255");
    step.skip_codes[77] = true;
    assert_int_equal(judge(GUARDED(.confirmed = true, .guard_exit = 77)), CIPLUG_SKIPPED);
    assert_int_equal(judge(GUARDED(.confirmed = true, .guard_exit = 1, .status = 77)),
                     CIPLUG_FAILED);
}

static void what_is_left_elsewhere_has_leaked(void **state)
{
    (void)state;
    assert_int_equal(judge(GUARDED(.confirmed = true, .guard_left = 2)), CIPLUG_PASSED);
    assert_int_equal(result.flags, CIPLUG_FLAG_LEAKED);
    assert_string_equal(strbuf_text(&reason), "left 2 processes behind (killed)");
    step.on_leak = ON_LEAK_FAIL;
    assert_int_equal(judge(GUARDED(.confirmed = true, .guard_left = 1)), CIPLUG_FAILED);
    assert_int_equal(result.exit_code, 0);
    /* Of what ciplug has ended nothing has leaked. */
    judge(GUARDED(.confirmed = true, .guard_left = 1, .ended = HAND_ENDED_TIMEOUT));
    assert_int_equal(result.flags, 0);
    step.on_leak = ON_LEAK_KEEP;
    judge(GUARDED(.confirmed = true, .guard_left = 1, .leaked = 1, .text = "pid 5 ssh"));
    assert_string_equal(strbuf_text(&reason), "left 1 process behind (killed); left 1 process "
                                              "behind (kept): pid 5 ssh");
}

static void a_client_is_no_evidence(void **state)
{
    (void)state;
    struct attempt_end end = GUARDED(.unconfirmed = true, .code = CLD_EXITED);
    assert_int_equal(judge(end), CIPLUG_ERROR);
    assert_int_equal(result.exit_code, -1);
    assert_string_equal(strbuf_text(&reason), "its end is not known: the client ended with 0");
    end = GUARDED(.unconfirmed = true, .code = CLD_EXITED, .status = 1,
                  .client_said = "\nlink\r\n\tlost.\n\n");
    step.skip_codes[1] = true;
    assert_int_equal(judge(end), CIPLUG_ERROR);
    assert_string_equal(strbuf_text(&reason),
                        "its end is not known: the client ended with 1: link lost.");
    end = GUARDED(.unconfirmed = true, .code = CLD_KILLED, .status = SIGKILL);
    assert_int_equal(judge(end), CIPLUG_ERROR);
    assert_int_equal(result.signal, 0);
    assert_string_equal(strbuf_text(&reason),
                        "its end is not known: the client died by signal 9 (SIGKILL)");
}

static void what_did_not_begin_is_told_by_its_client(void **state)
{
    (void)state;
    struct attempt_end end = {.code = CLD_EXITED,
                              .status = 125,
                              .guarded = true,
                              .unconfirmed = true,
                              .client_said = "docker: no such image.\n"};
    assert_int_equal(judge(end), CIPLUG_ERROR);
    assert_int_equal(result.exit_code, -1);
    assert_string_equal(strbuf_text(&reason),
                        "did not begin: docker: no such image. (the client ended with 125)");
    end.client_said[0] = '\0';
    judge(end);
    assert_string_equal(strbuf_text(&reason), "did not begin: the client ended with 125");
    memset(end.client_said, 'x', 1000);
    memcpy(end.client_said + 900, "\nlast", 5);
    judge(end);
    assert_memory_equal(strbuf_text(&reason), "did not begin: ... lastxxx", 26);
    memset(end.client_said, 'x', 1000);
    judge(end);
    assert_true(reason.len < 400);
}

static void who_ended_it_is_told(void **state)
{
    (void)state;
    struct attempt_end end = GUARDED(.ended = HAND_ENDED_TIMEOUT, .confirmed = true);
    assert_int_equal(judge(end), CIPLUG_TIMEOUT);
    assert_int_equal(result.exit_code, -1);
    assert_string_equal(strbuf_text(&reason), "timed out after 2.0s; ended by its guard");
    end.ended = HAND_ENDED_STOP;
    assert_int_equal(judge(end), CIPLUG_CANCELLED);
    assert_string_equal(strbuf_text(&reason), "stopped; ended by its guard");
    end.confirmed = false;
    judge(end);
    assert_string_equal(strbuf_text(&reason), "stopped");
    assert_int_equal(judge(GUARDED(.lost = true, .confirmed = true)), CIPLUG_ERROR);
    assert_int_equal(result.exit_code, -1);
}

static int free_reason(void **state)
{
    (void)state;
    strbuf_free(&reason);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(exit_codes, clear_step),
        cmocka_unit_test_setup(skip_codes_skip, clear_step),
        cmocka_unit_test_setup(signals_of_its_own, clear_step),
        cmocka_unit_test_setup(what_was_signalled_has_no_evidence, clear_step),
        cmocka_unit_test_setup(what_could_not_run_is_an_error, clear_step),
        cmocka_unit_test_setup(leaks_are_flagged_and_fail_where_told, clear_step),
        cmocka_unit_test_setup(a_skipped_command_that_leaks_stays_skipped, clear_step),
        cmocka_unit_test_setup(what_cannot_be_killed_is_flagged, clear_step),
        cmocka_unit_test_setup(a_guards_word_decides, clear_step),
        cmocka_unit_test_setup(what_is_left_elsewhere_has_leaked, clear_step),
        cmocka_unit_test_setup(a_client_is_no_evidence, clear_step),
        cmocka_unit_test_setup(what_did_not_begin_is_told_by_its_client, clear_step),
        cmocka_unit_test_setup(who_ended_it_is_told, clear_step),
    };
    return cmocka_run_group_tests(tests, NULL, free_reason);
}
