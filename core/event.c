/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "plugin_call.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

struct name {
    int number;
    const char *text;
};

static const struct name outcomes[] = {
    {CIPLUG_PASSED, "passed"},   {CIPLUG_FAILED, "failed"}, {CIPLUG_SIGNALED, "signaled"},
    {CIPLUG_TIMEOUT, "timeout"}, {CIPLUG_ERROR, "error"},   {CIPLUG_CANCELLED, "cancelled"},
    {CIPLUG_SKIPPED, "skipped"},
};

static const struct name kinds[] = {
    {CIPLUG_RUN_STARTED, "run_started"},         {CIPLUG_STEP_STARTED, "step_started"},
    {CIPLUG_COMMAND_STARTED, "command_started"}, {CIPLUG_COMMAND_OUTPUT, "command_output"},
    {CIPLUG_COMMAND_NOTICE, "command_notice"},   {CIPLUG_COMMAND_FINISHED, "command_finished"},
    {CIPLUG_STEP_FINISHED, "step_finished"},     {CIPLUG_RUN_NOTICE, "run_notice"},
    {CIPLUG_RUN_FINISHED, "run_finished"},       {CIPLUG_TEST_FINISHED, "test_finished"},
};

static const struct name outputs[] = {
    {CIPLUG_OUTPUT_GROUP, "group"},
    {CIPLUG_OUTPUT_LIVE, "live"},
    {CIPLUG_OUTPUT_FAILURES, "failures"},
    {CIPLUG_OUTPUT_NONE, "none"},
};

static const struct name flags[] = {
    {CIPLUG_FLAG_FLAKY, "flaky"},
    {CIPLUG_FLAG_LEAKED, "leaked"},
    {CIPLUG_FLAG_UNKILLABLE, "unkillable"},
    {CIPLUG_FLAG_TRUNCATED, "truncated"},
    {CIPLUG_FLAG_ALLOWED, "allowed"},
    {CIPLUG_FLAG_CARRIED, "carried"},
    {CIPLUG_FLAG_INTERRUPTED, "interrupted"},
    {CIPLUG_FLAG_JUDGED, "judged"},
};

static const char *name_of(const struct name *names, size_t n, int number, const char *otherwise)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].number == number)
            return names[i].text;
    }
    return otherwise;
}

static int number_of(const struct name *names, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i].text, text) == 0)
            return names[i].number;
    }
    return 0;
}

bool outcome_bad(int outcome)
{
    return outcome != CIPLUG_PASSED && outcome != CIPLUG_SKIPPED;
}

const char *outcome_name(int outcome)
{
    return name_of(outcomes, ARRAY_SIZE(outcomes), outcome, "error");
}

int outcome_parse(const char *name)
{
    return number_of(outcomes, ARRAY_SIZE(outcomes), name);
}

const char *event_name(int kind)
{
    return name_of(kinds, ARRAY_SIZE(kinds), kind, "unknown");
}

int event_parse(const char *name)
{
    return number_of(kinds, ARRAY_SIZE(kinds), name);
}

const char *flag_name(unsigned index)
{
    return index < ARRAY_SIZE(flags) ? flags[index].text : NULL;
}

unsigned flag_parse(const char *name)
{
    return (unsigned)number_of(flags, ARRAY_SIZE(flags), name);
}

const char *output_name(int output)
{
    return name_of(outputs, ARRAY_SIZE(outputs), output, NULL);
}

int output_parse(const char *name)
{
    return number_of(outputs, ARRAY_SIZE(outputs), name);
}

void events_add(struct events *events, const char *name, const struct ciplug_reporter *reporter,
                void *self)
{
    ARRAY_GROW(events->list, events->n, events->alloc);
    events->list[events->n++] = (struct listener){name, reporter, self};
    events->mask |= reporter->events;
}

void events_emit(struct events *events, const struct ciplug_event *event)
{
    size_t n = events->n;
    for (size_t i = 0; i < n; i++) {
        /* Copied: a callback that adds a listener moves the list. */
        struct listener listener = events->list[i];
        if ((listener.reporter->events & (uint32_t)event->kind) && listener.reporter->event)
            PLUGIN_CALL(listener.name, listener.reporter->event(listener.self, event));
    }
}

void events_mark(const struct events *events, int what, const char *line,
                 const struct ciplug_event *event, struct strbuf *out)
{
    for (size_t i = 0; i < events->n; i++) {
        size_t at = what == CIPLUG_MARK_CLOSE ? events->n - 1 - i : i;
        struct listener listener = events->list[at];
        const char *text = NULL;
        if (listener.reporter->mark)
            PLUGIN_CALL(listener.name,
                        text = listener.reporter->mark(listener.self, what, line, event));
        strbuf_addstr(out, text ? text : "");
        if (text && *text && what != CIPLUG_MARK_NEVER && out->buf[out->len - 1] != '\n')
            strbuf_addch(out, '\n');
    }
}

int events_finish(struct events *events)
{
    for (size_t i = 0; i < events->n; i++) {
        struct listener listener = events->list[i];
        int result = 0;
        if (listener.reporter->finish)
            PLUGIN_CALL(listener.name, result = listener.reporter->finish(listener.self));
        events->failed |= result < 0;
    }
    return events->failed ? -1 : 0;
}

void events_free(struct events *events)
{
    free(events->list);
    *events = (struct events){0};
}
