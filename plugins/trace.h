/* SPDX-License-Identifier: MIT
 *
 * What the files of the trace plugin share: trace.c is the plugin, trace_lanes.c knows which
 * process and thread of the trace a host and a worker are, trace_write.c writes the document,
 * trace_attempts.c the attempts in it, and trace_json.c each event.
 */
#ifndef CIPLUG_PLUGINS_TRACE_H
#define CIPLUG_PLUGINS_TRACE_H

#include "fold.h"
#include "writer.h"

#include <jansson.h>

/* A worker's thread; its tid is the worker's number. */
struct lane {
    size_t run; /* which of the fold's */
    const char *host;
    uint32_t worker;
    uint32_t pid; /* of its host in this run */
};

struct lanes {
    struct lane *list; /* by run, worker, host */
    size_t n;
    uint32_t *steps; /* of each run: the process of its steps */
};

/* Each run has a process for its steps, then one for each host in the order of the workers. 0 or -1
 * (no memory). */
int lanes_find(struct lanes *lanes, const struct fold *fold);
/* The process of the attempt's host; 0: it was never placed. */
uint32_t lanes_pid(const struct lanes *lanes, size_t run, const struct fold_attempt *attempt);
void lanes_free(struct lanes *lanes);

/* Where events go. A NULL value anywhere is no memory, and makes the document fail. */
struct trace_out {
    struct writer *writer;
    uint64_t base_us; /* times count from here */
    bool any;         /* an event was written: the next one needs a comma */
};

/* Texts of others are made plain, so that they are UTF-8. The caller's, or NULL. */
json_t *trace_text(const char *bytes);
json_t *trace_number(uint64_t value);
/* Sets a member, and takes the value. */
void trace_set(struct trace_out *out, json_t *object, const char *key, json_t *value);
/* An event; its members are set by the caller. Takes the name. */
json_t *trace_new(struct trace_out *out, const char *phase, json_t *name, uint32_t pid,
                  uint32_t tid);
void trace_set_time(struct trace_out *out, json_t *event, uint64_t us);
/* Writes it, and releases it. */
void trace_emit(struct trace_out *out, json_t *event);
/* A value as it stands; released. */
void trace_dump(struct trace_out *out, json_t *value);

/* Colours of chrome://tracing, which refuses a trace with any other; Perfetto has its own. */
const char *trace_colour(int32_t outcome, uint32_t flags);
/* All attempts of a step that is sorted: on the workers' threads; and on the step's own, `tid`,
 * what never started. *flow counts the arrows. */
void trace_attempts(struct trace_out *out, const struct lanes *lanes, size_t run,
                    const struct fold_step *step, uint32_t tid, uint64_t *flow);
/* How many items of a step wait, and how many run, over time. */
void trace_counters(struct trace_out *out, const struct fold_step *step, uint32_t pid);

/* Sorts the attempts of `fold` on the way. */
void trace_write(struct writer *writer, struct fold *fold);

#endif
