/* SPDX-License-Identifier: MIT
 *
 * Events as a run emits them, with every field drawn at random and items as hostile as they come;
 * and a text of an event in which any difference shows.
 */
#ifndef CIPLUG_TESTS_RANDOM_EVENT_H
#define CIPLUG_TESTS_RANDOM_EVENT_H

#include "event.h"
#include "journal.h"
#include "strbuf.h"
#include "util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct random_event {
    uint64_t seed; /* not 0 */
    const char *run_dir;
    struct ciplug_event event;
    struct journal_extra extra;
    struct ciplug_command command;
    struct ciplug_result result;
    struct ciplug_ledger ledger, cleanup;
    struct strv items, texts;
};

static inline uint64_t draw(struct random_event *r, uint64_t below)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return r->seed % below;
}

/* Bytes but NUL: any, or pieces that tempt a parser. */
static inline void draw_item(struct random_event *r, struct strbuf *out)
{
    static const char *const pieces[] = {"\n",
                                         "\"",
                                         "\\",
                                         "\\u0000",
                                         "\x7f",
                                         "\x1b[31m",
                                         "\xe2\x80\xa8",
                                         "\xf0\x9f\x98\x80",
                                         "\xff",
                                         "\xc3",
                                         "\xed\xa0\x80",
                                         "}\n{",
                                         "spec/a_spec.rb",
                                         " ",
                                         "$(x)",
                                         "=",
                                         "\r",
                                         "null"};
    for (uint64_t n = draw(r, 8); n > 0; n--) {
        if (draw(r, 3) == 0)
            strbuf_addch(out, (char)(1 + draw(r, 255)));
        else
            strbuf_addstr(out, pieces[draw(r, ARRAY_SIZE(pieces))]);
    }
}

static inline const char *keep(struct random_event *r, char *text)
{
    strv_take(&r->texts, text);
    return text;
}

/* Free text: valid, or it would come back with replacements. */
static inline const char *draw_text(struct random_event *r)
{
    struct strbuf text = STRBUF_INIT;
    do {
        strbuf_clear(&text);
        draw_item(r, &text);
    } while (!utf8_valid(strbuf_text(&text), text.len));
    return keep(r, strbuf_detach(&text));
}

static inline uint64_t draw_time(struct random_event *r)
{
    return draw(r, 4) ? (1 + draw(r, UINT64_C(4000000000000000))) * 1000 : 0;
}

static inline void draw_ledger(struct random_event *r, struct ciplug_ledger *l)
{
    *l = (struct ciplug_ledger){sizeof *l,   draw(r, 99), draw(r, 9),  draw(r, 9),
                                draw(r, 9),  draw(r, 9),  draw(r, 9),  draw(r, 9),
                                draw(r, 99), draw(r, 9),  r->seed >> 1};
}

static inline void draw_items(struct random_event *r)
{
    struct strbuf joined = STRBUF_INIT;
    size_t n = draw(r, 3) ? draw(r, 3) : draw(r, 9);
    for (size_t i = 0; i < n; i++) {
        struct strbuf item = STRBUF_INIT;
        draw_item(r, &item);
        strbuf_addf(&joined, i > 0 ? "\n%s" : "%s", strbuf_text(&item));
        strv_take(&r->items, strbuf_detach(&item));
    }
    r->command.items = n ? (const char *const *)r->items.v : NULL;
    r->command.item = n ? keep(r, strbuf_detach(&joined)) : NULL;
    strbuf_free(&joined);
}

static inline void draw_command(struct random_event *r)
{
    struct ciplug_command *command = &r->command;
    *command = (struct ciplug_command){.size = sizeof *command, .step = r->event.step};
    command->cleanup = r->event.cleanup;
    command->number = (uint32_t)r->seed;
    command->count = (uint32_t)draw(r, 3);
    draw_items(r);
    command->attempt = (uint32_t)draw(r, 4);
    if (draw(r, 2)) {
        command->worker = 1 + (uint32_t)draw(r, UINT32_MAX);
        command->host = draw(r, 2) ? "local" : "far-1";
        command->project = keep(r, xasprintf("ciabcd1234w%u", command->worker));
    }
    command->label = command->item;
    if (!command->label || draw(r, 2)) {
        struct strbuf label = STRBUF_INIT;
        draw_item(r, &label);
        command->label = keep(r, strbuf_detach(&label));
    }
    r->event.command = command;
}

static inline const char *draw_log(struct random_event *r, const char *end)
{
    switch (draw(r, 4)) {
    case 0:
        return NULL;
    case 1:
        return keep(r, xasprintf("/else\xff/%s", end));
    default:
        return keep(r, xasprintf("%s/logs/s/1%s", r->run_dir, end));
    }
}

static inline void draw_logs(struct random_event *r)
{
    struct ciplug_result *result = &r->result;
    *result = (struct ciplug_result){.size = sizeof *result, .exit_code = -1, .reason = ""};
    result->log_out = draw_log(r, ".out");
    result->log_err = draw_log(r, ".err");
    r->event.result = result->log_out || result->log_err ? result : NULL;
}

static inline void draw_keys(struct random_event *r)
{
    r->extra.key = draw(r, 2) ? r->seed : 0;
    r->extra.grouping = draw(r, 2) ? r->seed >> 2 : 0;
}

static inline void draw_result(struct random_event *r)
{
    struct ciplug_result *result = &r->result;
    draw_logs(r);
    result->outcome = 1 + (int32_t)draw(r, 7);
    result->exit_code = (int32_t)draw(r, 257) - 1;
    result->signal = (int32_t)draw(r, 65);
    result->flags = (uint32_t)draw(r, 64);
    result->final = (int32_t)draw(r, 2);
    result->started_ns = draw_time(r);
    result->duration_ns = r->seed >> 1;
    result->bytes_out = draw(r, INT64_MAX);
    result->bytes_err = draw(r, 100);
    result->reason = draw_text(r);
    r->event.result = result;
    draw_keys(r);
    r->extra.kill_via = (uint32_t)draw(r, 16);
}

static inline void draw_kind(struct random_event *r)
{
    struct ciplug_event *event = &r->event;
    switch (event->kind) {
    case CIPLUG_STEP_STARTED:
        r->ledger = (struct ciplug_ledger){.size = sizeof r->ledger, .planned = draw(r, 1000)};
        event->ledger = draw(r, 9) ? &r->ledger : NULL;
        break;
    case CIPLUG_COMMAND_STARTED:
        draw_command(r);
        draw_logs(r);
        draw_keys(r);
        r->extra.shown = draw(r, 9) ? draw_text(r) : NULL;
        break;
    case CIPLUG_COMMAND_NOTICE:
        draw_command(r);
        event->text = draw_text(r);
        break;
    case CIPLUG_COMMAND_FINISHED:
        draw_command(r);
        draw_result(r);
        break;
    case CIPLUG_STEP_FINISHED:
        event->outcome = (int32_t)draw(r, 8);
        event->text = draw(r, 2) ? draw_text(r) : NULL;
        draw_ledger(r, &r->ledger);
        event->ledger = draw(r, 2) ? &r->ledger : NULL;
        break;
    case CIPLUG_RUN_NOTICE:
        event->text = draw_text(r);
        break;
    default:
        event->exit_status = (int32_t)draw(r, 256);
        event->text = draw(r, 2) ? draw_text(r) : NULL;
        draw_ledger(r, &r->ledger);
        draw_ledger(r, &r->cleanup);
        event->ledger = &r->ledger;
        r->extra.cleanup = draw(r, 2) ? &r->cleanup : NULL;
    }
}

static inline void random_event_free(struct random_event *r)
{
    strv_free(&r->items);
    strv_free(&r->texts);
}

/* The next one, into r->event and r->extra; the one before is gone. */
static inline void random_event_make(struct random_event *r)
{
    static const int kinds[] = {CIPLUG_STEP_STARTED,     CIPLUG_COMMAND_STARTED,
                                CIPLUG_COMMAND_NOTICE,   CIPLUG_COMMAND_FINISHED,
                                CIPLUG_COMMAND_FINISHED, CIPLUG_STEP_FINISHED,
                                CIPLUG_RUN_NOTICE,       CIPLUG_RUN_FINISHED};
    random_event_free(r);
    struct ciplug_event *event = &r->event;
    *event = (struct ciplug_event){.size = sizeof *event, .run = "abcd1234"};
    r->extra = (struct journal_extra){0};
    event->run_dir = r->run_dir;
    event->kind = kinds[draw(r, ARRAY_SIZE(kinds))];
    event->time_ns = (1 + draw(r, UINT64_C(4000000000000000))) * 1000;
    event->output = (int32_t)draw(r, 5);
    if (event->kind != CIPLUG_RUN_NOTICE && event->kind != CIPLUG_RUN_FINISHED) {
        event->step = draw(r, 2) ? "specs" : "a_b-C9";
        event->cleanup = draw(r, 4) == 0;
    }
    draw_kind(r);
}

/* ---- the text of an event ---- */

static inline void describe_text(struct strbuf *out, const char *name, const char *text)
{
    if (text)
        strbuf_addf(out, " %s=%s#%zu", name, text, strlen(text));
}

static inline void describe_number(struct strbuf *out, const char *name, uint64_t number)
{
    strbuf_addf(out, " %s=%" PRIu64, name, number);
}

static inline void describe_ledger(struct strbuf *out, const char *name,
                                   const struct ciplug_ledger *l)
{
    if (l)
        strbuf_addf(out,
                    " %s=%zu %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                    " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                    name, l->size, l->planned, l->passed, l->failed, l->signaled, l->timeout,
                    l->error, l->cancelled, l->skipped, l->flaky, l->commands_allowed);
}

static inline void describe_command(struct strbuf *out, const struct ciplug_command *c)
{
    describe_number(out, "size", c->size);
    describe_text(out, "step", c->step);
    describe_number(out, "cleanup", (uint64_t)c->cleanup);
    describe_number(out, "number", c->number);
    describe_number(out, "count", c->count);
    describe_text(out, "item", c->item);
    for (size_t i = 0; c->items && c->items[i]; i++)
        describe_text(out, "items", c->items[i]);
    describe_number(out, "worker", c->worker);
    describe_text(out, "host", c->host);
    describe_number(out, "attempt", c->attempt);
    describe_text(out, "project", c->project);
    describe_text(out, "label", c->label);
    describe_number(out, "none", !c->script && !c->words && !c->shell);
}

static inline void describe_result(struct strbuf *out, const struct ciplug_result *r)
{
    describe_number(out, "size", r->size);
    describe_number(out, "outcome", (uint64_t)r->outcome);
    describe_number(out, "exit_code", (uint64_t)r->exit_code);
    describe_number(out, "signal", (uint64_t)r->signal);
    describe_number(out, "flags", r->flags);
    describe_number(out, "final", (uint64_t)r->final);
    describe_number(out, "started", r->started_ns);
    describe_number(out, "duration", r->duration_ns);
    describe_number(out, "bytes_out", r->bytes_out);
    describe_number(out, "bytes_err", r->bytes_err);
    describe_text(out, "reason", r->reason);
    describe_text(out, "log_out", r->log_out);
    describe_text(out, "log_err", r->log_err);
}

/* All but `replayed`; one line, where no text holds a newline. */
static inline void describe_event(struct strbuf *out, const struct ciplug_event *event,
                                  const struct journal_extra *extra)
{
    describe_text(out, "event", event_name(event->kind));
    describe_number(out, "size", event->size);
    describe_number(out, "time", event->time_ns);
    strbuf_addf(out, " run=%s", event->run);
    describe_text(out, "run_dir", event->run_dir);
    describe_text(out, "step", event->step);
    describe_number(out, "cleanup", (uint64_t)event->cleanup);
    if (event->command)
        describe_command(out, event->command);
    if (event->result)
        describe_result(out, event->result);
    describe_ledger(out, "ledger", event->ledger);
    describe_number(out, "outcome", (uint64_t)event->outcome);
    describe_number(out, "exit_status", (uint64_t)event->exit_status);
    describe_text(out, "text", event->text);
    describe_number(out, "output", (uint64_t)event->output);
    describe_number(out, "key", extra->key);
    describe_number(out, "grouping", extra->grouping);
    describe_number(out, "kill_via", extra->kill_via);
    describe_text(out, "shown", extra->shown);
    describe_ledger(out, "cleanup_ledger", extra->cleanup);
    strbuf_addch(out, '\n');
}

#endif
