/* SPDX-License-Identifier: MIT */
#include "base64.h"
#include "event.h"
#include "journal.h"
#include "record.h"
#include "replay_fields.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct replay {
    const struct journal_reader *reader;
    const char *run_dir;
    char *run; /* id; the folder's name until run_started says it */
    uint64_t seq;
};

/* ---- parts of an event ---- */

static void read_list(struct reading *reading, const json_t *array, bool encoded)
{
    size_t n = json_array_size(array);
    reading->items = xcalloc(n + 1, sizeof *reading->items);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        const char *text = reading_text_of(reading, value);
        reading->items[i] = encoded ? reading_decode(reading, text) : text;
        reading->bad |= !reading->items[i];
    }
}

static const char *join_items(struct reading *reading)
{
    AUTO_STRBUF struct strbuf joined = STRBUF_INIT;
    for (size_t i = 0; reading->items[i]; i++) {
        if (i > 0)
            strbuf_addch(&joined, '\n');
        strbuf_addstr(&joined, reading->items[i]);
    }
    strv_push(&reading->owned, strbuf_text(&joined));
    return reading->owned.v[reading->owned.n - 1];
}

static void read_items(struct reading *reading)
{
    struct ciplug_command *command = &reading->command;
    const json_t *plain = reading_array(reading, "items");
    const json_t *encoded = reading_array(reading, "items_base64");
    command->item = reading_exact(reading, "item", "item_base64");
    if (json_array_size(plain) || json_array_size(encoded)) {
        read_list(reading, plain ? plain : encoded, !plain);
        if (!command->item && !reading->bad)
            command->item = join_items(reading);
    } else if (command->item) {
        reading->items = xcalloc(2, sizeof *reading->items);
        reading->items[0] = command->item;
    }
    command->items = reading->items;
}

/* Which command and attempt the record is of. */
static struct ciplug_command *read_whose(struct reading *reading)
{
    struct ciplug_command *command = &reading->command;
    command->size = sizeof *command;
    command->step = reading->event.step;
    command->cleanup = reading->event.cleanup;
    command->number = (uint32_t)reading_number(reading, "number", UINT32_MAX);
    command->attempt = (uint32_t)reading_number(reading, "attempt", UINT32_MAX);
    reading->event.command = command;
    return command;
}

static void read_command(struct reading *reading)
{
    struct ciplug_command *command = read_whose(reading);
    command->count = (uint32_t)reading_number(reading, "count", UINT32_MAX);
    read_items(reading);
    command->worker = (uint32_t)reading_number(reading, "worker", UINT32_MAX);
    command->host = reading_text(reading, "host");
    command->project = reading_text(reading, "project");
    command->label = reading_exact(reading, "label", "label_base64");
    if (!command->label)
        command->label = command->item;
}

static const char *read_log(struct reading *reading, const char *key, const char *key64)
{
    const char *path = reading_exact(reading, key, key64);
    if (!path || path[0] == '/')
        return path;
    strv_take(&reading->owned, xasprintf("%s/%s", reading->run_dir, path));
    return reading->owned.v[reading->owned.n - 1];
}

static void read_logs(struct reading *reading)
{
    struct ciplug_result *result = &reading->result;
    result->size = sizeof *result;
    result->exit_code = -1;
    result->reason = "";
    result->log_out = read_log(reading, "log_out", "log_out_base64");
    result->log_err = read_log(reading, "log_err", "log_err_base64");
    if (result->log_out || result->log_err)
        reading->event.result = result;
}

static unsigned read_flags(struct reading *reading)
{
    const json_t *array = reading_array(reading, "flags");
    unsigned flags = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = reading_text_of(reading, json_array_get(array, i));
        flags |= name ? flag_parse(name) : 0;
    }
    return flags;
}

static void read_result(struct reading *reading)
{
    struct ciplug_result *result = &reading->result;
    read_logs(reading);
    result->outcome = reading_outcome(reading, CIPLUG_ERROR);
    if (reading_field(reading, "exit_code"))
        result->exit_code = (int32_t)reading_number(reading, "exit_code", INT32_MAX);
    result->signal = (int32_t)reading_number(reading, "signal", INT32_MAX);
    result->started_ns = reading_time(reading, "started");
    result->duration_ns = reading_number(reading, "duration_ns", INT64_MAX);
    result->bytes_out = reading_number(reading, "bytes_out", INT64_MAX);
    result->bytes_err = reading_number(reading, "bytes_err", INT64_MAX);
    result->flags = read_flags(reading);
    result->final = reading_bool(reading, "final", true);
    result->batch = (uint32_t)reading_number(reading, "batch", UINT32_MAX);
    const char *reason = reading_text(reading, "reason");
    if (reason)
        result->reason = reason;
    reading->event.result = result;
}

static const char *get_said(struct reading *reading, const char *key)
{
    const char *text = reading_text(reading, key);
    return text ? text : "";
}

static void read_test(struct reading *reading)
{
    struct ciplug_command *command = read_whose(reading);
    struct ciplug_test *test = &reading->test;
    command->item = reading_exact(reading, "item", "item_base64");
    test->size = sizeof *test;
    test->suite = get_said(reading, "suite");
    test->classname = get_said(reading, "classname");
    test->name = get_said(reading, "name");
    test->file = get_said(reading, "file");
    test->line = (uint32_t)reading_number(reading, "line", UINT32_MAX);
    test->outcome = reading_outcome(reading, CIPLUG_ERROR);
    test->flags = read_flags(reading);
    test->duration_ns = reading_number(reading, "duration_ns", INT64_MAX);
    test->type = get_said(reading, "type");
    test->message = get_said(reading, "message");
    test->text = get_said(reading, "text");
    reading->event.test = test;
}

static uint32_t read_kill_via(struct reading *reading)
{
    const json_t *array = reading_array(reading, "kill_via");
    uint32_t via = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = reading_text_of(reading, json_array_get(array, i));
        for (unsigned bit = 0; name && record_via_name(bit); bit++) {
            if (strcmp(name, record_via_name(bit)) == 0)
                via |= 1U << bit;
        }
    }
    return via;
}

static uint64_t get_hash(struct reading *reading, const char *key)
{
    const char *text = reading_text(reading, key);
    if (!text)
        return 0;
    char *end;
    uint64_t hash = strtoull(text, &end, 16);
    if (strspn(text, "0123456789abcdef") != 16 || *end)
        reading->bad = true;
    return hash;
}

static void read_keys(struct reading *reading)
{
    reading->extra.key = get_hash(reading, "key");
    reading->extra.grouping = get_hash(reading, "grouping");
}

static void read_planned(struct reading *reading)
{
    if (!reading_field(reading, "planned"))
        return;
    reading->ledger.size = sizeof reading->ledger;
    reading->ledger.planned = reading_number(reading, "planned", INT64_MAX);
    reading->event.ledger = &reading->ledger;
}

/* ---- one record ---- */

static void read_kind(struct reading *reading)
{
    struct ciplug_event *event = &reading->event;
    switch (event->kind) {
    case CIPLUG_STEP_STARTED:
        read_planned(reading);
        break;
    case CIPLUG_COMMAND_STARTED:
        read_command(reading);
        read_logs(reading);
        reading->extra.shown = reading_text(reading, "command");
        read_keys(reading);
        break;
    case CIPLUG_COMMAND_NOTICE:
        read_command(reading);
        event->text = reading_text(reading, "text");
        break;
    case CIPLUG_COMMAND_FINISHED:
        read_command(reading);
        read_result(reading);
        read_keys(reading);
        reading->extra.kill_via = read_kill_via(reading);
        break;
    case CIPLUG_TEST_FINISHED:
        read_test(reading);
        break;
    case CIPLUG_STEP_FINISHED:
        event->outcome = reading_outcome(reading, 0);
        event->text = reading_text(reading, "reason");
        event->ledger = reading_ledger(reading, "ledger", &reading->ledger);
        break;
    case CIPLUG_RUN_STARTED:
    case CIPLUG_RUN_NOTICE:
        event->text = reading_text(reading, "text");
        break;
    case CIPLUG_RUN_FINISHED:
        event->exit_status = (int32_t)reading_number(reading, "exit_status", INT32_MAX);
        event->text = reading_text(reading, "reason");
        event->ledger = reading_ledger(reading, "ledger", &reading->ledger);
        reading->extra.cleanup = reading_ledger(reading, "cleanup_ledger", &reading->cleanup);
        break;
    default:
        break;
    }
}

static void read_event(struct reading *reading, const struct replay *replay, int kind)
{
    struct ciplug_event *event = &reading->event;
    event->size = sizeof *event;
    event->kind = kind;
    event->run = replay->run;
    event->run_dir = replay->run_dir;
    event->replayed = 1;
    event->step = reading_text(reading, "step");
    event->cleanup = reading_bool(reading, "cleanup", false);
    const char *output = reading_text(reading, "output");
    event->output = output ? output_parse(output) : 0;
    read_kind(reading);
}

static void check_intent(struct reading *reading)
{
    if (!reading_text(reading, "kind") || !reading_text(reading, "what") ||
        !reading_text(reading, "by_kind") != !reading_text(reading, "by_what"))
        reading->bad = true;
    const json_t *env = reading_array(reading, "env");
    for (size_t i = 0; i < json_array_size(env); i++)
        reading->bad |= !reading_text_of(reading, json_array_get(env, i));
}

static void set_run(struct replay *replay, struct reading *reading)
{
    const char *run = reading_text(reading, "run");
    if (!run || reading->bad)
        return;
    free(replay->run);
    replay->run = xstrdup(run);
}

static bool for_other(const struct reading *reading, const char *name)
{
    return reading->event.kind == CIPLUG_RUN_STARTED || strcmp(name, "intent") == 0 ||
           strcmp(name, "run_reaped") == 0;
}

static void hand_out(const struct replay *replay, const struct reading *reading, const char *name)
{
    const struct journal_reader *reader = replay->reader;
    if (reader->other && for_other(reading, name))
        reader->other(reader->data, name, reading->root);
    if (reader->event && reading->event.kind)
        reader->event(reader->data, &reading->event, &reading->extra);
}

static int replay_object(struct replay *replay, struct reading *reading)
{
    const char *name = reading_text(reading, "event");
    uint64_t seq = reading_number(reading, "seq", INT64_MAX);
    uint64_t time = reading_time(reading, "time");
    if (!name || seq != replay->seq + 1)
        return -1;
    int kind = event_parse(name);
    if (kind == CIPLUG_COMMAND_OUTPUT)
        kind = 0; /* never written */
    if (kind == CIPLUG_RUN_STARTED)
        set_run(replay, reading);
    if (kind)
        read_event(reading, replay, kind);
    else if (strcmp(name, "intent") == 0)
        check_intent(reading);
    reading->event.time_ns = time;
    if (reading->bad)
        return -1;
    replay->seq = seq;
    hand_out(replay, reading, name);
    return 0;
}

static int replay_line(struct replay *replay, const char *line, size_t length)
{
    struct reading reading = {.run_dir = replay->run_dir};
    reading.root = record_load(line, length);
    int result = json_is_object(reading.root) ? replay_object(replay, &reading) : -1;
    record_unload(reading.root);
    free(reading.items);
    strv_free(&reading.owned);
    return result;
}

static uint64_t replay_all(struct replay *replay, const char *data, size_t length)
{
    size_t at = 0;
    while (at < length) {
        const char *end = memchr(data + at, '\n', length - at);
        if (!end || replay_line(replay, data + at, (size_t)(end - data) - at) < 0)
            break;
        at = (size_t)(end - data) + 1;
    }
    return at;
}

static uint64_t replay_text(const char *run_dir, const char *text, size_t length,
                            const struct journal_reader *reader, uint64_t *seq)
{
    const char *slash = strrchr(run_dir, '/');
    struct replay replay = {reader, run_dir, xstrdup(slash ? slash + 1 : run_dir), 0};
    uint64_t good = replay_all(&replay, text, length);
    *seq = replay.seq;
    free(replay.run);
    return good;
}

uint64_t journal_replay_text(const char *run_dir, const char *text, size_t length,
                             const struct journal_reader *reader)
{
    uint64_t seq;
    return replay_text(run_dir, text, length, reader, &seq);
}

static int replay_run(const char *run_dir, const struct journal_reader *reader, uint64_t *good,
                      uint64_t *seq)
{
    AUTO_FREE char *absolute = run_dir[0] == '/' ? xstrdup(run_dir) : realpath(run_dir, NULL);
    if (!absolute)
        return -1;
    AUTO_FREE char *path = xasprintf("%s/journal.jsonl", absolute);
    AUTO_FREE char *data = NULL;
    size_t length;
    if (read_file(path, SIZE_MAX / 4, &data, &length) < 0)
        return -1;
    *good = replay_text(absolute, data, length, reader, seq);
    return 0;
}

int journal_replay(const char *run_dir, const struct journal_reader *reader, uint64_t *good)
{
    uint64_t bytes, seq;
    return replay_run(run_dir, reader, good ? good : &bytes, &seq);
}

int journal_recover(const char *run_dir, uint64_t *good, uint64_t *seq)
{
    static const struct journal_reader nobody = {0};
    return replay_run(run_dir, &nobody, good, seq);
}
