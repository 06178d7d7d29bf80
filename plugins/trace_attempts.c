/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drawing {
    struct trace_out *out;
    const struct lanes *lanes;
    size_t run;
    const struct fold_step *step;
    uint32_t tid;
    uint64_t *flow;
    struct fold_batches batches;
    struct inside *inside; /* beside the attempts */
};

/* What lies in an attempt: how much there is, and how much is drawn already. */
struct inside {
    uint64_t all_us, laid_us;
};

const char *trace_colour(int32_t outcome, uint32_t flags)
{
    switch (outcome) {
    case CIPLUG_PASSED:
        return flags & CIPLUG_FLAG_FLAKY ? "olive" : "good";
    case CIPLUG_FAILED:
    case CIPLUG_SIGNALED:
        return flags & CIPLUG_FLAG_ALLOWED ? "olive" : "terrible";
    case CIPLUG_TIMEOUT:
        return "bad";
    case CIPLUG_CANCELLED:
    case CIPLUG_SKIPPED:
        return "grey";
    default:
        return "yellow";
    }
}

/* ---- arguments ---- */

static void set_text(struct trace_out *out, json_t *args, const char *key, const char *text)
{
    if (*text)
        trace_set(out, args, key, trace_text(text));
}

static void set_items(struct trace_out *out, json_t *args, const struct fold_attempt *attempt)
{
    if (!attempt->has_items)
        return;
    if (attempt->n == 1) {
        trace_set(out, args, "item", trace_text(attempt->names));
        return;
    }
    json_t *items = json_array();
    const char *name = attempt->names;
    for (uint32_t i = 0; i < attempt->n; i++) {
        if (json_array_append_new(items, trace_text(name)) < 0)
            out->writer->failed = true;
        name = fold_next_name(name);
    }
    trace_set(out, args, "items", items);
}

static void set_flags(struct trace_out *out, json_t *args, uint32_t flags)
{
    if (!flags)
        return;
    json_t *array = json_array();
    for (unsigned i = 0; fold_flag(i); i++) {
        if ((flags & (1U << i)) && json_array_append_new(array, json_string(fold_flag(i))) < 0)
            out->writer->failed = true;
    }
    trace_set(out, args, "flags", array);
}

static json_t *args_of(const struct drawing *drawing, const struct fold_attempt *attempt)
{
    struct trace_out *out = drawing->out;
    json_t *args = json_object();
    set_text(out, args, "step", drawing->step->name);
    trace_set(out, args, "command", json_integer(attempt->number));
    set_items(out, args, attempt);
    if (attempt->attempt)
        trace_set(out, args, "attempt", json_integer(attempt->attempt));
    const char *outcome = attempt->finished ? fold_outcome(attempt->outcome) : "unknown";
    trace_set(out, args, "outcome", json_string(outcome));
    trace_set(out, args, "final", json_boolean(attempt->final));
    set_text(out, args, "reason", attempt->finished ? attempt->reason : "it has not ended yet");
    if (attempt->exit_code >= 0)
        trace_set(out, args, "exit_code", json_integer(attempt->exit_code));
    if (attempt->signal > 0)
        trace_set(out, args, "signal", json_integer(attempt->signal));
    set_flags(out, args, attempt->flags);
    set_text(out, args, "log_out", attempt->log_out);
    set_text(out, args, "log_err", attempt->log_err);
    return args;
}

/* What people see on the slice: the item, or "step 7". */
static json_t *name_of(const struct drawing *drawing, const struct fold_attempt *attempt)
{
    const char *step = drawing->step->name;
    if (attempt->n == 1 && (attempt->has_items || strcmp(attempt->names, step) == 0))
        return trace_text(attempt->names);
    size_t size = strlen(step) + strlen(attempt->names) + 32;
    char *text = malloc(size);
    if (!text)
        return NULL;
    if (attempt->n > 1)
        snprintf(text, size, "%s and %" PRIu32 " more", attempt->names, attempt->n - 1);
    else
        snprintf(text, size, "%s %s", step, attempt->names);
    json_t *name = trace_text(text);
    free(text);
    return name;
}

/* ---- events ---- */

static uint64_t end_of(const struct fold_attempt *attempt)
{
    return attempt->started_us ? attempt->started_us + attempt->duration_us : attempt->known_us;
}

/* It stands before the end of the one and at the start of the other: where a viewer looks for the
 * slices that it belongs to. */
static void put_arrow(const struct drawing *drawing, const struct fold_attempt *from,
                      const struct fold_attempt *to)
{
    struct trace_out *out = drawing->out;
    uint32_t from_pid = lanes_pid(drawing->lanes, drawing->run, from);
    uint32_t to_pid = lanes_pid(drawing->lanes, drawing->run, to);
    if (!from_pid || !to_pid || !from->started_us || !to->started_us)
        return;
    ++*drawing->flow;
    for (int end = 0; end < 2; end++) {
        json_t *event = trace_new(out, end ? "f" : "s", json_string("retry"),
                                  end ? to_pid : from_pid, end ? to->worker : from->worker);
        trace_set(out, event, "cat", json_string("retry"));
        trace_set(out, event, "id", trace_number(*drawing->flow));
        if (end)
            trace_set(out, event, "bp", json_string("e"));
        uint64_t last_us = end_of(from) - (from->duration_us > 0);
        trace_set_time(out, event, end ? to->started_us : last_us);
        trace_emit(out, event);
    }
}

/* Where the attempt before this one ended; else where the step began, and it was planned. */
static const struct fold_attempt *before(const struct drawing *drawing,
                                         const struct fold_attempt *attempt)
{
    const struct fold_attempt *found = NULL;
    if (attempt > drawing->step->attempts && attempt[-1].number == attempt->number)
        return fold_writer(drawing->step, attempt - 1);
    const struct fold_batch *at = fold_batches_of(&drawing->batches, attempt);
    for (; at; at = fold_batches_next(&drawing->batches, at)) {
        if (at->attempt->number != attempt->number && at->attempt->attempt < attempt->attempt)
            found = at->attempt;
    }
    return found;
}

static void put_started(const struct drawing *drawing, const struct fold_attempt *attempt,
                        uint32_t pid)
{
    struct trace_out *out = drawing->out;
    const struct fold_attempt *earlier = before(drawing, attempt);
    uint64_t since = earlier ? end_of(earlier) : drawing->step->started_us;
    json_t *event = trace_new(out, attempt->finished ? "X" : "B", name_of(drawing, attempt), pid,
                              attempt->worker);
    trace_set(out, event, "cat", json_string(drawing->step->cleanup ? "cleanup" : "command"));
    trace_set_time(out, event, attempt->started_us);
    if (attempt->finished) {
        trace_set(out, event, "dur", trace_number(attempt->duration_us));
        trace_set(out, event, "cname", json_string(trace_colour(attempt->outcome, attempt->flags)));
    }
    json_t *args = args_of(drawing, attempt);
    uint64_t waited = attempt->started_us > since ? attempt->started_us - since : 0;
    trace_set(out, args, "waited_us", trace_number(waited));
    trace_set(out, event, "args", args);
    trace_emit(out, event);
    if (earlier)
        put_arrow(drawing, earlier, attempt);
}

/* ---- what JUnit files tell ---- */

/* When a case began they do not say, only how long it took: one after the other, and in what wrote
 * them. */
struct span {
    uint64_t from_us, us;
};

/* Tests that ran at once took longer together than there was time. */
static uint64_t fitted(uint64_t us, uint64_t all_us, uint64_t room_us)
{
    return all_us > room_us ? (uint64_t)((double)us / (double)all_us * (double)room_us) : us;
}

static struct span lay(const struct drawing *drawing, const struct fold_attempt *in,
                       uint64_t wanted_us)
{
    struct inside *inside = &drawing->inside[in - drawing->step->attempts];
    struct span span = {in->started_us + inside->laid_us,
                        fitted(wanted_us, inside->all_us, in->duration_us)};
    inside->laid_us += span.us;
    return span;
}

static void measure(const struct drawing *drawing)
{
    const struct fold_step *step = drawing->step;
    for (size_t i = 0; i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        const struct fold_attempt *in = fold_writer(step, attempt);
        struct fold_case_sums own = {0};
        if (in == attempt)
            fold_cases_sum(in, attempt, &own);
        drawing->inside[in - step->attempts].all_us +=
            in == attempt ? own.duration_us : attempt->duration_us;
    }
}

static json_t *new_inside(const struct drawing *drawing, json_t *name, const char *category,
                          const struct fold_attempt *in, const struct span *span)
{
    struct trace_out *out = drawing->out;
    uint32_t pid = lanes_pid(drawing->lanes, drawing->run, in);
    json_t *event = trace_new(out, "X", name, pid, in->worker);
    trace_set(out, event, "cat", json_string(category));
    trace_set_time(out, event, span->from_us);
    trace_set(out, event, "dur", trace_number(span->us));
    return event;
}

static void put_case(const struct drawing *drawing, const struct fold_case *one,
                     const struct fold_attempt *in, const struct span *span)
{
    struct trace_out *out = drawing->out;
    json_t *event = new_inside(drawing, trace_text(one->name), "case", in, span);
    json_t *args = json_object();
    trace_set(out, event, "cname", json_string(trace_colour(one->outcome, one->flags)));
    trace_set(out, args, "outcome", json_string(fold_outcome(one->outcome)));
    trace_set(out, args, "start", json_string("assumed"));
    set_text(out, args, "classname", one->classname);
    set_text(out, args, "suite", one->suite);
    set_text(out, args, "file", one->file);
    if (one->line)
        trace_set(out, args, "line", json_integer(one->line));
    set_text(out, args, "message", one->message);
    set_flags(out, args, one->flags);
    trace_set(out, event, "args", args);
    trace_emit(out, event);
}

/* Of `attempt`, in the time that it has itself or, of an item of a batch, was given in that. */
static void put_cases(const struct drawing *drawing, const struct fold_attempt *attempt,
                      struct span room)
{
    const struct fold_attempt *in = fold_writer(drawing->step, attempt);
    struct fold_case_sums sums;
    fold_cases_sum(in, attempt, &sums);
    for (const struct fold_case *one = NULL; (one = fold_case_next(in, attempt, one));) {
        struct span span = {room.from_us, fitted(one->duration_us, sums.duration_us, room.us)};
        put_case(drawing, one, in, &span);
        room.from_us += span.us;
    }
}

static void put_cases_of_own(const struct drawing *drawing, const struct fold_attempt *attempt)
{
    struct fold_case_sums sums;
    fold_cases_sum(attempt, attempt, &sums);
    if (sums.cases > 0)
        put_cases(drawing, attempt, lay(drawing, attempt, sums.duration_us));
}

/* An item that ran with others. */
static void put_verdict(const struct drawing *drawing, const struct fold_attempt *attempt,
                        const struct fold_attempt *batch)
{
    struct trace_out *out = drawing->out;
    struct span span = lay(drawing, batch, attempt->duration_us);
    json_t *event = new_inside(drawing, name_of(drawing, attempt), "item", batch, &span);
    json_t *args = args_of(drawing, attempt);
    trace_set(out, event, "cname", json_string(trace_colour(attempt->outcome, attempt->flags)));
    trace_set(out, args, "start", json_string("assumed"));
    trace_set(out, event, "args", args);
    trace_emit(out, event);
    put_cases(drawing, attempt, span);
}

static void put_never_started(const struct drawing *drawing, const struct fold_attempt *attempt)
{
    struct trace_out *out = drawing->out;
    json_t *event = trace_new(out, "i", name_of(drawing, attempt),
                              drawing->lanes->steps[drawing->run], drawing->tid);
    trace_set(out, event, "cat", json_string("never started"));
    trace_set_time(out, event, attempt->known_us);
    trace_set(out, event, "s", json_string("t"));
    trace_set(out, event, "cname", json_string(trace_colour(attempt->outcome, attempt->flags)));
    trace_set(out, event, "args", args_of(drawing, attempt));
    trace_emit(out, event);
}

void trace_attempts(struct trace_out *out, const struct lanes *lanes, size_t run,
                    const struct fold_step *step, uint32_t tid, uint64_t *flow)
{
    struct drawing drawing = {
        .out = out, .lanes = lanes, .run = run, .step = step, .tid = tid, .flow = flow};
    drawing.inside = calloc(step->n + 1, sizeof *drawing.inside);
    if (fold_batches_find(&drawing.batches, step) < 0 || !drawing.inside)
        out->writer->failed = true;
    if (drawing.inside)
        measure(&drawing);
    for (size_t i = 0; drawing.inside && i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        const struct fold_attempt *batch = fold_writer(step, attempt);
        uint32_t pid = attempt->started_us ? lanes_pid(lanes, run, attempt) : 0;
        if (pid && batch != attempt) {
            put_verdict(&drawing, attempt, batch);
        } else if (pid) {
            put_started(&drawing, attempt, pid);
            put_cases_of_own(&drawing, attempt);
        } else {
            put_never_started(&drawing, attempt);
        }
    }
    free(drawing.inside);
    fold_batches_free(&drawing.batches);
}

/* ---- the queue ---- */

struct change {
    uint64_t us;
    int64_t waiting, running;
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return x->us < y->us ? -1 : x->us > y->us;
}

static size_t find_changes(const struct fold_step *step, struct change *changes)
{
    size_t n = 0;
    int64_t planned = step->planned < INT64_MAX / 2 ? (int64_t)step->planned : INT64_MAX / 2;
    changes[n++] = (struct change){step->started_us, planned, 0};
    for (size_t i = 0; i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        int64_t units = attempt->n;
        bool comes_back = attempt->finished && !attempt->final;
        const struct fold_attempt *batch = fold_writer(step, attempt);
        if (batch != attempt) {
            /* Back from the batch, and done. */
            if (attempt->final)
                changes[n++] = (struct change){end_of(batch), -units, 0};
        } else if (attempt->started_us) {
            changes[n++] = (struct change){attempt->started_us, -units, units};
            if (attempt->finished)
                changes[n++] = (struct change){end_of(attempt), comes_back ? units : 0, -units};
        } else if (!comes_back) {
            changes[n++] = (struct change){attempt->known_us, -units, 0};
        }
    }
    qsort(changes, n, sizeof *changes, by_time);
    return n;
}

/* There are two for each attempt, of nothing but numbers: written without a tree for each. */
static void put_sample(struct trace_out *out, const char *name, uint32_t pid, uint64_t us,
                       const struct change *now)
{
    struct writer *writer = out->writer;
    uint64_t ts = us > out->base_us ? us - out->base_us : 0;
    writer_text(writer, out->any ? ",\n{\"name\":" : "\n{\"name\":");
    writer_text(writer, name);
    writer_format(writer,
                  ",\"ph\":\"C\",\"pid\":%" PRIu32 ",\"tid\":0,\"ts\":%" PRIu64
                  ",\"args\":{\"waiting\":%" PRId64 ",\"running\":%" PRId64 "}}",
                  pid, ts, now->waiting > 0 ? now->waiting : 0,
                  now->running > 0 ? now->running : 0);
    out->any = true;
}

void trace_counters(struct trace_out *out, const struct fold_step *step, uint32_t pid)
{
    struct change *changes = calloc(2 * step->n + 1, sizeof *changes);
    struct change now = {0};
    json_t *text = trace_text(step->name);
    char *name = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
    json_decref(text);
    if (!changes || !name)
        out->writer->failed = true;
    size_t n = changes && name ? find_changes(step, changes) : 0;
    for (size_t i = 0; i < n; i++) {
        now.waiting += changes[i].waiting;
        now.running += changes[i].running;
        if (i + 1 == n || changes[i + 1].us != changes[i].us)
            put_sample(out, name, pid, changes[i].us, &now);
    }
    free(name);
    free(changes);
}
