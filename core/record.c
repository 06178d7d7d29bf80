/* SPDX-License-Identifier: MIT */
#include "record.h"
#include "base64.h"
#include "event.h"
#include "mask.h"
#include "proctree.h"
#include "safeguard.h"
#include "util.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct record {
    json_t *root;
    const struct mask *mask;
    bool bad; /* no memory for a part */
};

const struct record_counter record_counters[] = {
    {"planned", offsetof(struct ciplug_ledger, planned)},
    {"passed", offsetof(struct ciplug_ledger, passed)},
    {"failed", offsetof(struct ciplug_ledger, failed)},
    {"signaled", offsetof(struct ciplug_ledger, signaled)},
    {"timeout", offsetof(struct ciplug_ledger, timeout)},
    {"error", offsetof(struct ciplug_ledger, error)},
    {"cancelled", offsetof(struct ciplug_ledger, cancelled)},
    {"skipped", offsetof(struct ciplug_ledger, skipped)},
    {"flaky", offsetof(struct ciplug_ledger, flaky)},
    {"allowed", offsetof(struct ciplug_ledger, commands_allowed)},
    {NULL, 0},
};

void record_time(char *buf, size_t size, uint64_t wall_ns)
{
    format_rfc3339(buf, size, wall_ns);
    char *dot = strchr(buf, '.');
    if (dot)
        snprintf(dot, size - (size_t)(dot - buf), ".%06uZ", (unsigned)(wall_ns % NS_PER_S / 1000));
}

/* ---- values ---- */

static void put(struct record *record, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(record->root, key, value) < 0)
        record->bad = true;
}

static void append(struct record *record, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        record->bad = true;
}

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* Bytes that are no UTF-8 become U+FFFD, one for each. */
static void repair(struct strbuf *out, const char *text, size_t length)
{
    if (utf8_valid(text, length)) {
        strbuf_add(out, text, length);
        return;
    }
    for (size_t i = 0, n; i < length; i += n) {
        for (n = 1; n <= 4 && n <= length - i && !utf8_valid(text + i, n);)
            n++;
        bool good = n <= 4 && n <= length - i;
        if (!good)
            n = 1;
        strbuf_add(out, good ? text + i : "\xef\xbf\xbd", good ? n : 3);
    }
}

static json_t *text_value(const char *text, const struct mask *mask)
{
    if (!text)
        return json_null();
    AUTO_STRBUF struct strbuf masked = STRBUF_INIT, fixed = STRBUF_INIT;
    mask_text(mask, text, &masked);
    repair(&fixed, strbuf_text(&masked), masked.len);
    return json_stringn(strbuf_text(&fixed), fixed.len);
}

static void put_text(struct record *record, const char *key, const char *text)
{
    put(record, key, text_value(text, record->mask));
}

/* What the configuration or the core fixes: never masked, or nothing could be found again. */
static void put_name(struct record *record, const char *key, const char *text)
{
    put(record, key, text_value(text, NULL));
}

/* Text that has to come back byte for byte: KEY, or KEY null and KEY_base64. */
static void put_exact(struct record *record, const char *key, const char *text,
                      const struct mask *mask)
{
    AUTO_STRBUF struct strbuf masked = STRBUF_INIT, encoded = STRBUF_INIT;
    mask_text(mask, text, &masked);
    if (utf8_valid(strbuf_text(&masked), masked.len)) {
        put(record, key, json_stringn(strbuf_text(&masked), masked.len));
        return;
    }
    if (!SAFEGUARD(exact_bytes)) {
        put_text(record, key, text);
        return;
    }
    AUTO_FREE char *key64 = xasprintf("%s_base64", key);
    base64_encode(&encoded, strbuf_text(&masked), masked.len);
    put(record, key, json_null());
    put(record, key64, json_stringn(strbuf_text(&encoded), encoded.len));
}

static void put_hash(struct record *record, const char *key, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    if (hash)
        put_name(record, key, text);
}

static void put_ledger(struct record *record, const char *key, const struct ciplug_ledger *ledger)
{
    if (!ledger)
        return;
    struct record inner = {.root = json_object()};
    for (const struct record_counter *c = record_counters; c->name; c++) {
        uint64_t value;
        memcpy(&value, (const char *)ledger + c->offset, sizeof value);
        put(&inner, c->name, number(value));
    }
    record->bad |= inner.bad;
    put(record, key, inner.root);
}

/* ---- parts of a record ---- */

static struct record record_start(const char *name, uint64_t seq, uint64_t time_ns,
                                  const struct mask *mask)
{
    struct record record = {.root = json_object(), .mask = mask};
    char time[40];
    put_name(&record, "event", name);
    if (strcmp(name, event_name(CIPLUG_RUN_STARTED)) == 0)
        put(&record, "version", json_integer(RECORD_VERSION));
    put(&record, "seq", number(seq));
    record_time(time, sizeof time, time_ns ? time_ns : clock_wall_ns());
    put_name(&record, "time", time);
    return record;
}

static json_t *record_end(struct record *record)
{
    if (!record->bad)
        return record->root;
    json_decref(record->root);
    return NULL;
}

static void put_items(struct record *record, const char *const *items)
{
    AUTO_STRV struct strv masked = STRV_INIT;
    bool valid = true;
    for (; *items; items++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        mask_text(record->mask, *items, &text);
        valid = valid && utf8_valid(strbuf_text(&text), text.len);
        strv_push(&masked, strbuf_text(&text));
    }
    json_t *array = json_array();
    for (size_t i = 0; i < masked.n; i++) {
        AUTO_STRBUF struct strbuf encoded = STRBUF_INIT;
        if (!valid)
            base64_encode(&encoded, masked.v[i], strlen(masked.v[i]));
        append(record, array, json_string(valid ? masked.v[i] : strbuf_text(&encoded)));
    }
    put(record, "item", json_null());
    put(record, "items", valid ? array : json_null());
    if (!valid)
        put(record, "items_base64", array);
}

static void put_item(struct record *record, const struct ciplug_command *command)
{
    if (ledger_units(command) > 1) {
        put_items(record, command->items);
        return;
    }
    const char *item = command->items && command->items[0] ? command->items[0] : command->item;
    if (item)
        put_exact(record, "item", item, record->mask);
    else
        put(record, "item", json_null());
    put(record, "items", json_null());
}

static void put_command(struct record *record, const struct ciplug_event *event)
{
    static const struct ciplug_command none = {0};
    const struct ciplug_command *command = event->command ? event->command : &none;
    put_name(record, "step", event->step ? event->step : command->step);
    put(record, "cleanup", json_boolean(event->cleanup || command->cleanup));
    put(record, "number", number(command->number));
    if (command->count)
        put(record, "count", number(command->count));
    put_item(record, command);
    put(record, "worker", command->worker ? number(command->worker) : json_null());
    put_name(record, "host", command->host);
    put(record, "attempt", number(command->attempt));
    if (command->project)
        put_name(record, "project", command->project);
    if (command->label && (!command->item || strcmp(command->label, command->item) != 0))
        put_exact(record, "label", command->label, record->mask);
}

/* Relative to the run's folder, so that the folder can be moved. */
static void put_log(struct record *record, const char *key, const char *path, const char *run_dir)
{
    if (!path)
        return;
    size_t length = run_dir ? strlen(run_dir) : 0;
    if (length && strncmp(path, run_dir, length) == 0 && path[length] == '/')
        path += length + 1;
    put_exact(record, key, path, NULL);
}

static void put_logs(struct record *record, const struct ciplug_event *event)
{
    if (!event->result)
        return;
    put_log(record, "log_out", event->result->log_out, event->run_dir);
    put_log(record, "log_err", event->result->log_err, event->run_dir);
}

static void put_flags(struct record *record, unsigned flags)
{
    json_t *array = json_array();
    for (unsigned i = 0; flag_name(i); i++) {
        if (flags & (1U << i))
            append(record, array, json_string(flag_name(i)));
    }
    put(record, "flags", array);
}

const char *record_via_name(unsigned index)
{
    static const char *const names[] = {"cgroup", "subreaper", "group", "marker", "guard"};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static void put_kill_via(struct record *record, uint32_t via)
{
    if (!via)
        return;
    json_t *array = json_array();
    for (unsigned i = 0; record_via_name(i); i++) {
        if (via & (1U << i))
            append(record, array, json_string(record_via_name(i)));
    }
    put(record, "kill_via", array);
}

static void put_result(struct record *record, const struct ciplug_event *event)
{
    static const struct ciplug_result none = {.outcome = CIPLUG_ERROR, .exit_code = -1};
    const struct ciplug_result *result = event->result ? event->result : &none;
    char started[40];
    record_time(started, sizeof started, result->started_ns);
    put_name(record, "outcome", outcome_name(result->outcome));
    put(record, "exit_code",
        result->exit_code >= 0 ? json_integer(result->exit_code) : json_null());
    put(record, "signal", result->signal ? json_integer(result->signal) : json_null());
    put_name(record, "started", result->started_ns ? started : NULL);
    put(record, "duration_ns", number(result->duration_ns));
    put(record, "bytes_out", number(result->bytes_out));
    put(record, "bytes_err", number(result->bytes_err));
    put_flags(record, result->flags);
    put_text(record, "reason", result->reason ? result->reason : "");
    put(record, "final", json_boolean(result->final));
    if (result->batch)
        put(record, "batch", number(result->batch));
    put_logs(record, event);
}

static void put_texts(struct record *record, const char *key, const struct strv *texts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < texts->n; i++)
        append(record, array, text_value(texts->v[i], record->mask));
    put(record, key, array);
}

static void put_some(struct record *record, const char *key, const struct strv *texts)
{
    AUTO_STRV struct strv some = STRV_INIT;
    for (size_t i = 0; i < texts->n && i < RECORD_TEXTS_MAX; i++)
        strv_take(&some, xasprintf("%.*s", RECORD_TEXT_MAX, texts->v[i]));
    if (texts->n > RECORD_TEXTS_MAX)
        strv_take(&some, xasprintf("and %zu more", texts->n - RECORD_TEXTS_MAX));
    put_texts(record, key, &some);
}

static void put_step(struct record *record, const struct ciplug_event *event)
{
    put_name(record, "step", event->step);
    put(record, "cleanup", json_boolean(event->cleanup));
}

/* A text that says something; most of them are empty. */
static void put_said(struct record *record, const char *key, const char *text)
{
    if (text && *text)
        put_text(record, key, text);
}

/* A run can have a hundred thousand of them: what does not say anything is left out. */
static void put_test(struct record *record, const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    const struct ciplug_test *test = event->test;
    put_step(record, event);
    put(record, "number", number(command->number));
    put(record, "attempt", number(command->attempt));
    if (command->item)
        put_exact(record, "item", command->item, record->mask);
    put_said(record, "suite", test->suite);
    put_said(record, "classname", test->classname);
    put_text(record, "name", test->name);
    put_said(record, "file", test->file);
    if (test->line)
        put(record, "line", number(test->line));
    put_name(record, "outcome", outcome_name(test->outcome));
    if (test->flags)
        put_flags(record, test->flags);
    if (test->duration_ns)
        put(record, "duration_ns", number(test->duration_ns));
    put_said(record, "type", test->type);
    put_said(record, "message", test->message);
    put_said(record, "text", test->text);
}

/* ---- records ---- */

static void put_kind(struct record *record, const struct ciplug_event *event,
                     const struct journal_extra *extra)
{
    switch (event->kind) {
    case CIPLUG_STEP_STARTED:
        put_step(record, event);
        put(record, "planned", event->ledger ? number(event->ledger->planned) : json_null());
        break;
    case CIPLUG_COMMAND_STARTED:
        put_command(record, event);
        put_text(record, "command", extra->shown);
        put_logs(record, event);
        put_hash(record, "key", extra->key);
        put_hash(record, "grouping", extra->grouping);
        break;
    case CIPLUG_COMMAND_NOTICE:
        put_command(record, event);
        put_text(record, "text", event->text);
        break;
    case CIPLUG_COMMAND_FINISHED:
        put_command(record, event);
        put_result(record, event);
        put_kill_via(record, extra->kill_via);
        put_hash(record, "key", extra->key);
        put_hash(record, "grouping", extra->grouping);
        break;
    case CIPLUG_TEST_FINISHED:
        put_test(record, event);
        break;
    case CIPLUG_STEP_FINISHED:
        put_step(record, event);
        put_name(record, "outcome", event->outcome ? outcome_name(event->outcome) : NULL);
        put_text(record, "reason", event->text);
        put_ledger(record, "ledger", event->ledger);
        break;
    case CIPLUG_RUN_NOTICE:
        put_text(record, "text", event->text);
        break;
    case CIPLUG_RUN_FINISHED:
        put(record, "exit_status", json_integer(event->exit_status));
        put_text(record, "reason", event->text);
        put_ledger(record, "ledger", event->ledger);
        put_ledger(record, "cleanup_ledger", extra->cleanup);
        if (extra->kept)
            put(record, "kept", json_true());
        if (extra->left && extra->left->n > 0)
            put_some(record, "left", extra->left);
        break;
    default:
        break;
    }
}

json_t *record_event(const struct ciplug_event *event, const struct journal_extra *extra,
                     uint64_t seq, const struct mask *mask)
{
    static const struct journal_extra none = {0};
    struct record record = record_start(event_name(event->kind), seq, event->time_ns, mask);
    put_kind(&record, event, extra ? extra : &none);
    if (output_name(event->output))
        put_name(&record, "output", output_name(event->output));
    return record_end(&record);
}

json_t *record_intent(const struct intent *intent, uint64_t seq, const struct mask *mask)
{
    struct record record = record_start("intent", seq, 0, mask);
    put_name(&record, "kind", intent->kind);
    put_text(&record, "what", intent->what);
    if (intent->by_kind) {
        put_name(&record, "by_kind", intent->by_kind);
        put_text(&record, "by_what", intent->by_what);
    }
    if (intent->env.n > 0)
        put_texts(&record, "env", &intent->env);
    return record_end(&record);
}

json_t *record_reaped(const struct journal_reaped *reaped, uint64_t seq)
{
    struct record record = record_start("run_reaped", seq, 0, NULL);
    put_text(&record, "by", reaped->by);
    put(&record, "rebooted", json_boolean(reaped->rebooted));
    put(&record, "processes", number(reaped->processes));
    put(&record, "cgroups", number(reaped->cgroups));
    put_some(&record, "removed", &reaped->removed);
    put_some(&record, "left", &reaped->left);
    return record_end(&record);
}

char *record_boot_id(void)
{
    char *boot = NULL;
    size_t length;
    if (read_file("/proc/sys/kernel/random/boot_id", 256, &boot, &length) < 0)
        return NULL;
    boot[strcspn(boot, "\n")] = '\0';
    return boot;
}

/* With start and boot, the pid tells a process from a later one of the same number. */
static void put_process(struct record *record)
{
    AUTO_FREE char *boot = record_boot_id();
    struct process_stat self = {0};
    (void)process_stat(getpid(), &self);
    put(record, "pid", json_integer(getpid()));
    put(record, "pid_started", number(self.start));
    put_name(record, "boot_id", boot);
}

json_t *record_run_started(const struct ciplug_event *event, const struct journal_header *header,
                           uint64_t seq, const struct mask *mask)
{
    struct record record = record_start(event_name(CIPLUG_RUN_STARTED), seq, event->time_ns, mask);
    put_name(&record, "run", event->run);
    put_text(&record, "name", header->name);
    put_text(&record, "config", header->config);
    json_t *argv = json_array();
    for (size_t i = 0; header->argv && i < header->argv->n; i++)
        append(&record, argv, text_value(header->argv->v[i], mask));
    put(&record, "argv", argv);
    put_process(&record);
    put_name(&record, "ciplug", header->version);
    if (event->text)
        put_text(&record, "text", event->text);
    if (output_name(event->output))
        put_name(&record, "output", output_name(event->output));
    return record_end(&record);
}
