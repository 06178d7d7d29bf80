/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "strbuf.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_go_there_and_back(void **state)
{
    (void)state;
    for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++)
        assert_int_equal(outcome_parse(outcome_name(outcome)), outcome);
    for (int kind = CIPLUG_RUN_STARTED; kind <= CIPLUG_TEST_FINISHED; kind <<= 1)
        assert_int_equal(event_parse(event_name(kind)), kind);
    for (int output = CIPLUG_OUTPUT_GROUP; output <= CIPLUG_OUTPUT_NONE; output++)
        assert_int_equal(output_parse(output_name(output)), output);
    unsigned bits = 0;
    for (unsigned i = 0; flag_name(i); i++) {
        assert_int_equal(flag_parse(flag_name(i)), 1U << i);
        bits |= 1U << i;
    }
    assert_int_equal(bits, 255);
}

static void names_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(CIPLUG_PASSED), "passed");
    assert_string_equal(outcome_name(CIPLUG_SIGNALED), "signaled");
    assert_string_equal(outcome_name(CIPLUG_CANCELLED), "cancelled");
    assert_string_equal(event_name(CIPLUG_COMMAND_FINISHED), "command_finished");
    assert_string_equal(flag_name(0), "flaky");
    assert_string_equal(flag_name(3), "truncated");
}

static void unknown_names_have_defaults(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(0), "error");
    assert_string_equal(outcome_name(99), "error");
    assert_int_equal(outcome_parse("exploded"), 0);
    assert_int_equal(event_parse("step_paused"), 0);
    assert_int_equal(event_parse(""), 0);
    assert_int_equal(flag_parse("shiny"), 0);
    assert_null(output_name(0));
    assert_int_equal(output_parse("loud"), 0);
}

/* A listener that writes its letter, and for the first event it sees what `nested` says. */
struct writer {
    char letter;
    struct strbuf *out;
    struct events *events;
    int nested;
    const struct ciplug_reporter *late;
    char mark[16];
    int finish;
};

static void write_event(void *self, const struct ciplug_event *event)
{
    struct writer *writer = self;
    strbuf_addf(writer->out, "%c%x ", writer->letter, (unsigned)event->kind);
    int nested = writer->nested;
    writer->nested = 0;
    if (nested)
        events_emit(writer->events, &(struct ciplug_event){.kind = nested});
    /* Many, so that the list has to move. */
    for (int i = 0; writer->late && i < 20; i++)
        events_add(writer->events, "late", writer->late, writer);
    writer->late = NULL;
}

static int write_finish(void *self)
{
    struct writer *writer = self;
    strbuf_addf(writer->out, "%c. ", writer->letter);
    return writer->finish;
}

static const struct ciplug_reporter commands = {sizeof commands, CIPLUG_COMMAND_STARTED,
                                                write_event, write_finish};
static const struct ciplug_reporter everything = {sizeof everything, 0xffff, write_event,
                                                  write_finish};
static const struct ciplug_reporter silent = {sizeof silent, 0xffff, NULL, NULL};

static void events_reach_who_asked_in_order(void **state)
{
    (void)state;
    struct events events = {0};
    struct strbuf out = STRBUF_INIT;
    struct writer a = {.letter = 'a', .out = &out}, b = {.letter = 'b', .out = &out};
    events_add(&events, "a", &commands, &a);
    assert_int_equal(events.mask, CIPLUG_COMMAND_STARTED);
    events_add(&events, "none", &silent, NULL);
    events_add(&events, "b", &everything, &b);
    assert_int_equal(events.mask, 0xffff);
    events_emit(&events, &(struct ciplug_event){.kind = CIPLUG_STEP_STARTED});
    events_emit(&events, &(struct ciplug_event){.kind = CIPLUG_COMMAND_STARTED});
    assert_string_equal(out.buf, "b2 a4 b4 ");
    strbuf_free(&out);
    events_free(&events);
    assert_int_equal(events.n, 0);
}

static void listener_may_emit_and_add(void **state)
{
    (void)state;
    struct events events = {0};
    struct strbuf out = STRBUF_INIT;
    struct writer a = {.letter = 'a', .out = &out, .events = &events, .nested = CIPLUG_RUN_NOTICE};
    struct writer b = {.letter = 'b', .out = &out, .events = &events, .late = &commands};
    events_add(&events, "a", &everything, &a);
    events_add(&events, "b", &everything, &b);
    events_emit(&events, &(struct ciplug_event){.kind = CIPLUG_COMMAND_STARTED});
    assert_string_equal(out.buf, "a4 a80 b80 b4 ");
    assert_int_equal(events.n, 22);
    strbuf_free(&out);
    events_free(&events);
}

static void all_are_finished_also_when_one_fails(void **state)
{
    (void)state;
    struct events events = {0};
    struct strbuf out = STRBUF_INIT;
    struct writer a = {.letter = 'a', .out = &out, .finish = -1};
    struct writer b = {.letter = 'b', .out = &out};
    events_add(&events, "a", &everything, &a);
    events_add(&events, "none", &silent, NULL);
    events_add(&events, "b", &everything, &b);
    assert_int_equal(events_finish(&events), -1);
    assert_true(events.failed);
    assert_string_equal(out.buf, "a. b. ");
    strbuf_free(&out);
    events_free(&events);
}

static void nothing_failed_is_success(void **state)
{
    (void)state;
    struct events events = {0};
    struct strbuf out = STRBUF_INIT;
    struct writer a = {.letter = 'a', .out = &out};
    events_add(&events, "a", &everything, &a);
    assert_int_equal(events_finish(&events), 0);
    assert_false(events.failed);
    strbuf_free(&out);
    events_free(&events);
}

static const char *mark(void *self, int32_t what, const char *line,
                        const struct ciplug_event *event)
{
    struct writer *writer = self;
    (void)event;
    writer->mark[0] = writer->letter;
    writer->mark[1] = (char)('0' + what);
    snprintf(writer->mark + 2, sizeof writer->mark - 2, "%s", line ? line : "");
    return writer->letter == 'n' ? NULL : writer->mark;
}

static void marks_are_lines_and_closed_in_turn(void **state)
{
    (void)state;
    static const struct ciplug_reporter marking = {.size = sizeof marking, .mark = mark};
    struct events events = {0};
    struct strbuf out = STRBUF_INIT;
    struct writer a = {.letter = 'a'}, b = {.letter = 'b'}, n = {.letter = 'n'};
    events_add(&events, "a", &marking, &a);
    events_add(&events, "none", &silent, NULL);
    events_add(&events, "n", &marking, &n);
    events_add(&events, "b", &marking, &b);
    events_mark(&events, CIPLUG_MARK_OPEN, "x", NULL, &out);
    assert_string_equal(out.buf, "a2x\nb2x\n");
    strbuf_clear(&out);
    events_mark(&events, CIPLUG_MARK_CLOSE, NULL, NULL, &out);
    assert_string_equal(out.buf, "b3\na3\n");
    strbuf_free(&out);
    events_free(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_there_and_back),
        cmocka_unit_test(names_are_those_of_the_contract),
        cmocka_unit_test(unknown_names_have_defaults),
        cmocka_unit_test(events_reach_who_asked_in_order),
        cmocka_unit_test(listener_may_emit_and_add),
        cmocka_unit_test(all_are_finished_also_when_one_fails),
        cmocka_unit_test(nothing_failed_is_success),
        cmocka_unit_test(marks_are_lines_and_closed_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
