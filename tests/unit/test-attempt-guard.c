/* SPDX-License-Identifier: MIT
 *
 * An attempt of a guarded command: shell scripts stand in for client and guard, and write the
 * marks, or what they may write instead.
 */
#include "attempt-place.h"

#include <signal.h>

#define PRELUDE                                                                                    \
    "begin() { printf '\\036ciplug-begin n0nce\\n' | tee /dev/fd/2; }\n"                           \
    "end() { printf '\\036ciplug-end n0nce exit %d left %d\\n' $1 $2 | tee /dev/fd/2; }\n"

/* Run the client to its end. */
static void run(struct place *p, const char *client)
{
    AUTO_ARGV struct argv argv = ARGV_INIT;
    AUTO_STRBUF struct strbuf script = STRBUF_INIT;
    strbuf_addstr(&script, PRELUDE);
    strbuf_addstr(&script, client);
    strv_push(&argv.words, "sh");
    strv_push(&argv.words, "-c");
    strv_push(&argv.words, strbuf_text(&script));
    p->request.argv = &argv;
    place_run(p);
}

static void assert_output(struct place *p, const char *out, const char *err)
{
    assert_string_equal(strbuf_text(&p->bytes[0]), out);
    assert_string_equal(strbuf_text(&p->bytes[1]), err);
}

static void the_trailer_decides(void **state)
{
    struct place *p = *state;
    /* The client's exit code lies. */
    run(p, "echo pulling >&2; begin; echo out; printf err >&2; end 7 2; echo bye >&2; exit 0");
    assert_int_equal(p->started, 1);
    assert_output(p, "out\n", "err");
    assert_true(p->end.begun && p->end.started && p->end.confirmed && !p->end.unconfirmed);
    assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
    assert_int_equal(p->end.guard_exit, 7);
    assert_int_equal(p->end.guard_left, 2);
    assert_int_equal(p->end.status, 0);
    assert_string_equal(p->end.client_said, "pulling\nbye\n");
    assert_true(p->end.started_ns <= p->end.ended_ns);
    run(p, "begin; end 0 0; exit 255");
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 0);
    assert_output(p, "", "");
    assert_string_equal(p->end.client_said, "");
}

static void the_prelude_is_the_clients_input(void **state)
{
    struct place *p = *state;
    static char prelude[2 << 20];
    memset(prelude, 'x', sizeof prelude);
    memcpy(prelude + sizeof prelude - 4, "\ngo\n", 4);
    p->guard.prelude = prelude;
    p->guard.length = sizeof prelude;
    run(p, "begin; read -r line; echo ${#line}; read -r line; echo $line; end 0 0");
    assert_true(p->end.confirmed);
    assert_output(p, "2097148\ngo\n", "");
}

static void marks_may_come_in_pieces(void **state)
{
    struct place *p = *state;
    run(p, "slow() { awk 'BEGIN { RS = \"\\001\" } { for (i = 1; i <= length($0); i++) { "
           "printf \"%s\", substr($0, i, 1); fflush(); system(\"sleep 0.002\") } }'; }; "
           "(begin; echo out; end 3 0) 2>/dev/null | slow & "
           "{ (begin; echo err; end 3 0) 2>/dev/null | slow; } >&2; wait");
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 3);
    assert_output(p, "out\n", "err\n");
}

static void one_stream_has_marks_alone(void **state)
{
    struct place *p = *state;
    p->request.merge = true;
    run(p, "echo warning >&2; { begin; echo both; end 0 0; } 2>/dev/null; echo later >&2; exit 3");
    assert_true(p->end.confirmed);
    assert_output(p, "both\n", "");
    assert_string_equal(p->end.client_said, "warning\nlater\n");
}

static void without_both_trailers_nothing_is_known(void **state)
{
    struct place *p = *state;
    static const char *const clients[] = {
        "begin; echo out; exit 0",
        "begin; echo out; end 0 0 2>/dev/null; exit 0",
        "begin; echo out; end 0 0 2>&1 >/dev/null | cat >&2; exit 0",
        "begin; echo out; end 0 0 2>/dev/null; end 1 0 2>&1 >/dev/null | cat >&2; exit 0",
        "begin; echo out; end 0 0; echo more; exit 0",
        "begin; echo out; end 0 0 | head -c 30; exit 0",
        "begin; echo out; kill -9 $$",
    };
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        run(p, clients[i]);
        assert_true(p->end.begun && !p->end.confirmed && p->end.unconfirmed);
        assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
        assert_memory_equal(strbuf_text(&p->bytes[0]), "out\n", 4);
    }
}

static void what_never_began_never_started(void **state)
{
    struct place *p = *state;
    p->request.timeout_ns = 50 * NS_PER_MS; /* not before it begins */
    run(p, "echo 'no such container' >&2; echo half; sleep 0.3; exit 1");
    assert_int_equal(p->started, 0);
    assert_true(!p->end.started && !p->end.begun && p->end.unconfirmed);
    assert_output(p, "", "");
    assert_non_null(strstr(p->end.client_said, "no such container\n"));
    assert_non_null(strstr(p->end.client_said, "half\n"));
    /* Half a begin is none. */
    run(p, "begin 2>&1 >/dev/null | cat >&2; echo early >&2; exit 1");
    assert_int_equal(p->started, 0);
    assert_output(p, "", "");
    assert_string_equal(p->end.client_said, "early\n");
}

/* What comes on the standard error first waits for the standard output's mark. */
static void started_comes_first(void **state)
{
    struct place *p = *state;
    run(p, "begin 2>&1 >/dev/null | cat >&2; echo early >&2; sleep 0.2; begin 2>/dev/null; "
           "echo late >&2; end 0 0");
    assert_int_equal(p->started, 1);
    assert_output(p, "", "early\nlate\n");
    assert_true(p->end.confirmed);
}

static void a_client_that_hangs_is_ended(void **state)
{
    struct place *p = *state;
    for (int ignores = 0; ignores < 2; ignores++) {
        uint64_t from = clock_mono_ns();
        p->request.timeout_ns = 20 * NS_PER_S;
        run(p, ignores ? "begin; echo out; end 5 0; sleep 600; true"
                       : "begin; echo out; end 5 0; while read -r line; do :; done; exit 1");
        uint64_t took = clock_mono_ns() - from;
        assert_true(took >= ATTEMPT_DRAIN_MS * NS_PER_MS && took < 8 * NS_PER_S);
        assert_true(p->end.confirmed);
        assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
        assert_int_equal(p->end.guard_exit, 5);
        assert_true(p->end.ended_ns - from < took - 200 * NS_PER_MS);
        assert_int_equal(p->end.via & HAND_VIA_GUARD, 0);
        assert_output(p, "out\n", "");
    }
}

/* It goes on after what looked like its end, and is ended for it: nobody had stopped it. */
static void what_goes_on_after_its_end_is_not_known(void **state)
{
    struct place *p = *state;
    run(p, "begin; end 0 0; while read -r line; do :; done; echo more");
    assert_true(p->end.unconfirmed);
    assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
    assert_non_null(strstr(strbuf_text(&p->bytes[0]), "more\n"));
}

static void a_timeout_is_told_to_the_guard(void **state)
{
    struct place *p = *state;
    p->request.timeout_ns = 200 * NS_PER_MS;
    run(p, "begin; while read -r line; do echo \"<$line>\"; case $line in s*) end 143 1; exit; "
           "esac; done");
    assert_output(p, "<go>\n<s TERM>\n", "");
    assert_int_equal(p->end.ended, HAND_ENDED_TIMEOUT);
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.via, 0);
    run(p, "begin; while read -r line; do echo \"<$line>\"; case $line in s*) exit 0; esac; done");
    assert_int_equal(p->end.ended, HAND_ENDED_TIMEOUT);
    assert_true(p->end.unconfirmed);
}

static void stop(struct place *p)
{
    attempt_stop(p->attempt, SIGINT);
}

static void a_stop_is_told_to_the_guard(void **state)
{
    struct place *p = *state;
    p->when_started = stop;
    run(p, "begin; while read -r line; do echo \"<$line>\"; case $line in s*) end 130 0; exit; "
           "esac; done");
    assert_output(p, "<go>\n<s INT>\n", "");
    assert_int_equal(p->end.ended, HAND_ENDED_STOP);
    assert_true(p->end.confirmed);
}

static void stop_soon(struct place *p)
{
    uv_timer_start(&p->timer, on_timer, 100, 0);
}

/* Trailers that were seen before the stop: what had ended, had ended. */
static void who_has_ended_cannot_be_stopped(void **state)
{
    struct place *p = *state;
    /* At one stroke: as soon as it has begun, it has ended. */
    static const char client[] = "all=$({ begin; end 0 0; } 2>/dev/null; echo .); "
                                 "printf %s \"${all%.}\" | tee /dev/fd/2; sleep 600; true";
    p->when_started = stop_soon;
    p->when_timer = stop;
    run(p, client);
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
    p->when_started = NULL;
    p->request.timeout_ns = 100 * NS_PER_MS;
    run(p, client);
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
}

static void go(struct place *p)
{
    assert_int_equal(survivors(p->marker) > 0, p->end.ended == HAND_ENDED_TIMEOUT);
    attempt_go(p->attempt);
}

/* Whether on_failure has a look is the trailer's word, too. */
static void held_by_what_the_trailer_says(void **state)
{
    struct place *p = *state;
    p->when_held = go;
    p->request.hold_ns = 20 * NS_PER_S;
    run(p, "begin; end 0 0; exit 1");
    assert_int_equal(p->held, 0);
    run(p, "begin; end 1 0; exit 0");
    assert_int_equal(p->held, 1);
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 1);
    run(p, "begin; exit 0");
    assert_int_equal(p->held, 1);
    assert_true(p->end.unconfirmed);
    p->request.timeout_ns = 100 * NS_PER_MS;
    run(p, "begin; while read -r line; do case $line in s*) end 143 0; exit; esac; done");
    assert_int_equal(p->held, 1);
    assert_int_equal(p->end.ended, HAND_ENDED_TIMEOUT);
    assert_true(p->end.confirmed);
}

static void let_read(struct place *p)
{
    attempt_hold_reading(p->attempt, 1, false);
}

static void hold_reading(struct place *p)
{
    p->when_bytes = NULL;
    attempt_hold_reading(p->attempt, 1, true);
    uv_timer_start(&p->timer, on_timer, 700, 0);
}

/* While the log's disk is slow, the end of the stream is not known. */
static void a_held_stream_is_waited_for(void **state)
{
    struct place *p = *state;
    p->when_bytes = hold_reading;
    p->when_timer = let_read;
    run(p, "begin; echo out; sleep 0.1; echo more; end 4 0");
    assert_output(p, "out\nmore\n", "");
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 4);
}

static void a_client_that_cannot_run_is_refused(void **state)
{
    struct place *p = *state;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    strv_push(&argv.words, "/no/such/client");
    p->request.argv = &argv;
    place_run(p);
    assert_true(p->end.refused && !p->end.unconfirmed && !p->end.begun);
}

static void kill_hand(struct place *p)
{
    assert_int_equal(kill(parent_of(p->end.pid), SIGKILL), 0);
}

static void a_lost_hand_is_told(void **state)
{
    struct place *p = *state;
    p->when_started = kill_hand;
    run(p, "begin; echo out; sleep 600");
    assert_true(p->end.lost && p->end.begun && p->end.unconfirmed);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(the_trailer_decides),
        WITH(the_prelude_is_the_clients_input),
        WITH(marks_may_come_in_pieces),
        WITH(one_stream_has_marks_alone),
        WITH(without_both_trailers_nothing_is_known),
        WITH(what_never_began_never_started),
        WITH(started_comes_first),
        WITH(a_client_that_hangs_is_ended),
        WITH(what_goes_on_after_its_end_is_not_known),
        WITH(a_timeout_is_told_to_the_guard),
        WITH(a_stop_is_told_to_the_guard),
        WITH(who_has_ended_cannot_be_stopped),
        WITH(held_by_what_the_trailer_says),
        WITH(a_held_stream_is_waited_for),
        WITH(a_client_that_cannot_run_is_refused),
        WITH(a_lost_hand_is_told),
    };
    return cmocka_run_group_tests(tests, place_keeper, place_end);
}
