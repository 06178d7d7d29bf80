/* SPDX-License-Identifier: MIT
 *
 * The document: "JSON Object Format" of the Trace Event Format. First the names of processes and
 * threads, then the events, one a line.
 */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define US_PER_S UINT64_C(1000000)

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
    return b && (b < a || !a) ? b : a;
}

/* Times count from the first of all: small numbers are exact everywhere. */
static uint64_t first_time(const struct fold *fold)
{
    uint64_t first = 0;
    for (size_t r = 0; r < fold->n; r++) {
        const struct fold_run *run = &fold->runs[r];
        first = earlier_of(first, run->started_us);
        for (size_t s = 0; s < run->n; s++) {
            const struct fold_step *step = &run->steps[s];
            first = earlier_of(first, step->started_us);
            for (size_t i = 0; i < step->n; i++)
                first = earlier_of(first, step->attempts[i].started_us);
        }
    }
    return first;
}

static json_t *wall_time(uint64_t us)
{
    char stamp[32] = "", text[48];
    time_t seconds = (time_t)(us / US_PER_S);
    struct tm tm;
    if (gmtime_r(&seconds, &tm))
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s.%06" PRIu64 "Z", stamp, us % US_PER_S);
    return json_string(text);
}

/* ---- what does not fit into events ---- */

static void set_sums(struct trace_out *out, json_t *object, uint64_t planned,
                     const struct fold_sums *sums)
{
    trace_set(out, object, "planned", trace_number(planned));
    for (int32_t outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++) {
        if (sums->by_outcome[outcome])
            trace_set(out, object, fold_outcome(outcome), trace_number(sums->by_outcome[outcome]));
    }
    if (sums->missing)
        trace_set(out, object, "without_result", trace_number(sums->missing));
}

/* Cleanup steps stand apart. */
static void set_run_sums(struct trace_out *out, json_t *object, const struct fold_run *run)
{
    struct fold_sums all = {0};
    uint64_t planned = 0;
    for (size_t i = 0; i < run->n; i++) {
        struct fold_sums sums;
        if (run->steps[i].cleanup)
            continue;
        fold_sum(&run->steps[i], &sums);
        planned += run->steps[i].planned;
        all.missing += sums.missing;
        for (int32_t outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++)
            all.by_outcome[outcome] += sums.by_outcome[outcome];
    }
    set_sums(out, object, planned, &all);
}

static json_t *about_run(struct trace_out *out, const struct fold_run *run)
{
    char buf[64];
    json_t *about = json_object();
    trace_set(out, about, "run", trace_text(run->run));
    trace_set(out, about, "folder", trace_text(run->dir));
    trace_set(out, about, "started", wall_time(run->started_us));
    trace_set(out, about, "finished", json_boolean(run->finished));
    trace_set(out, about, "exit_status",
              run->finished ? json_integer(run->exit_status) : json_null());
    if (!run->finished || run->exit_status != 0)
        trace_set(out, about, "reason", trace_text(fold_why(run, buf, sizeof buf)));
    set_run_sums(out, about, run);
    return about;
}

static void put_head(struct trace_out *out, const struct fold *fold)
{
    json_t *other = json_object(), *runs = json_array();
    trace_set(out, other, "started", wall_time(out->base_us));
    for (size_t i = 0; i < fold->n; i++) {
        if (json_array_append_new(runs, about_run(out, &fold->runs[i])) < 0)
            out->writer->failed = true;
    }
    trace_set(out, other, "runs", runs);
    writer_text(out->writer, "{\"displayTimeUnit\":\"ms\",\n\"otherData\":");
    trace_dump(out, other);
    writer_text(out->writer, ",\n\"traceEvents\":[");
}

/* ---- names ---- */

static void put_name(struct trace_out *out, const char *what, uint32_t pid, uint32_t tid,
                     json_t *name)
{
    json_t *event = trace_new(out, "M", json_string(what), pid, tid);
    json_t *args = json_object();
    trace_set(out, args, "name", name);
    trace_set(out, event, "args", args);
    trace_emit(out, event);
}

static void put_order(struct trace_out *out, const char *what, uint32_t pid, uint32_t tid,
                      uint32_t order)
{
    json_t *event = trace_new(out, "M", json_string(what), pid, tid);
    json_t *args = json_object();
    trace_set(out, args, "sort_index", json_integer(order));
    trace_set(out, event, "args", args);
    trace_emit(out, event);
}

static json_t *joined(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(size);
    if (!text)
        return NULL;
    snprintf(text, size, "%s%s%s", a, b, c);
    json_t *value = trace_text(text);
    free(text);
    return value;
}

static void name_process(struct trace_out *out, uint32_t pid, json_t *name)
{
    put_name(out, "process_name", pid, 0, name);
    put_order(out, "process_sort_index", pid, 0, pid);
}

static void name_steps(struct trace_out *out, const struct fold_run *run, uint32_t pid)
{
    name_process(out, pid, joined("run ", run->run, ""));
    put_name(out, "thread_name", pid, 0, json_string("run"));
    put_order(out, "thread_sort_index", pid, 0, 0);
    for (size_t i = 0; i < run->n; i++) {
        const struct fold_step *step = &run->steps[i];
        uint32_t tid = (uint32_t)i + 1;
        put_name(out, "thread_name", pid, tid,
                 joined(step->cleanup ? "cleanup " : "step ", step->name, ""));
        put_order(out, "thread_sort_index", pid, tid, tid);
    }
}

static void name_workers(struct trace_out *out, const struct lanes *lanes, const struct fold *fold)
{
    uint32_t last = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        const struct lane *lane = &lanes->list[i];
        char name[32];
        bool many = fold->n > 1;
        /* A host's number is greater than those of all hosts in front of it. */
        if (lane->pid > last) {
            last = lane->pid;
            name_process(out, lane->pid,
                         joined(*lane->host ? lane->host : "?", many ? ", run " : "",
                                many ? fold->runs[lane->run].run : ""));
        }
        snprintf(name, sizeof name, "worker %" PRIu32, lane->worker);
        put_name(out, "thread_name", lane->pid, lane->worker, json_string(name));
        put_order(out, "thread_sort_index", lane->pid, lane->worker, lane->worker);
    }
}

/* ---- steps and runs ---- */

static json_t *slice(struct trace_out *out, json_t *name, const char *category, uint32_t pid,
                     uint32_t tid)
{
    json_t *event = trace_new(out, "X", name, pid, tid);
    trace_set(out, event, "cat", json_string(category));
    return event;
}

static void set_span(struct trace_out *out, json_t *event, uint64_t from, uint64_t to)
{
    trace_set_time(out, event, from);
    trace_set(out, event, "dur", trace_number(to > from ? to - from : 0));
}

static void put_step(struct trace_out *out, const struct fold_run *run,
                     const struct fold_step *step, uint32_t pid, uint32_t tid)
{
    struct fold_sums sums;
    fold_sum(step, &sums);
    json_t *event =
        slice(out, trace_text(step->name), step->cleanup ? "cleanup step" : "step", pid, tid);
    set_span(out, event, step->started_us, step->finished ? step->ended_us : run->last_us);
    if (step->finished)
        trace_set(
            out, event, "cname",
            json_string(sums.allowed && !sums.bad ? "olive" : trace_colour(step->outcome, 0)));
    json_t *args = json_object();
    trace_set(out, args, "outcome",
              json_string(step->finished ? fold_outcome(step->outcome) : "unknown"));
    if (!step->finished || step->reason)
        trace_set(out, args, "reason",
                  trace_text(step->finished ? step->reason : "it has not ended yet"));
    set_sums(out, args, step->planned, &sums);
    trace_set(out, event, "args", args);
    trace_emit(out, event);
}

/* The end of what is known, across the whole page. */
static void put_unknown_end(struct trace_out *out, const struct fold_run *run, uint32_t pid)
{
    json_t *event = trace_new(out, "i", json_string("nothing is known from here on"), pid, 0);
    trace_set(out, event, "cat", json_string("run"));
    trace_set_time(out, event, run->last_us);
    trace_set(out, event, "s", json_string("g"));
    trace_set(out, event, "args", about_run(out, run));
    trace_emit(out, event);
}

static void put_run(struct trace_out *out, const struct lanes *lanes, struct fold *fold,
                    size_t index, uint64_t *flow)
{
    struct fold_run *run = &fold->runs[index];
    uint32_t pid = lanes->steps[index];
    json_t *event = slice(out, joined("run ", run->run, ""), "run", pid, 0);
    set_span(out, event, run->started_us, run->last_us);
    trace_set(out, event, "args", about_run(out, run));
    trace_emit(out, event);
    if (!run->finished)
        put_unknown_end(out, run, pid);
    for (size_t i = 0; i < run->n; i++) {
        struct fold_step *step = &run->steps[i];
        uint32_t tid = (uint32_t)i + 1;
        fold_sort(step);
        put_step(out, run, step, pid, tid);
        trace_counters(out, step, pid);
        trace_attempts(out, lanes, index, step, tid, flow);
    }
}

void trace_write(struct writer *writer, struct fold *fold)
{
    struct trace_out out = {.writer = writer, .base_us = first_time(fold)};
    struct lanes lanes = {0};
    uint64_t flow = 0;
    if (lanes_find(&lanes, fold) < 0) {
        writer->failed = true;
        lanes_free(&lanes);
        return;
    }
    put_head(&out, fold);
    for (size_t i = 0; i < fold->n; i++)
        name_steps(&out, &fold->runs[i], lanes.steps[i]);
    name_workers(&out, &lanes, fold);
    for (size_t i = 0; i < fold->n; i++)
        put_run(&out, &lanes, fold, i, &flow);
    writer_text(writer, "\n]}\n");
    lanes_free(&lanes);
}
