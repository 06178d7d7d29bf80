/* SPDX-License-Identifier: MIT
 *
 * Fan-out of the run's events. The journal is asked first: what it could not write is still shown,
 * but the run then ends with status 3.
 */
#ifndef CIPLUG_CORE_EVENT_H
#define CIPLUG_CORE_EVENT_H

#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stddef.h>

struct listener {
    const char *name;                       /* of the plugin; NULL: the core's own */
    const struct ciplug_reporter *reporter; /* borrowed */
    void *self;
};

struct events {
    struct listener *list;
    size_t n;
    size_t alloc;
    unsigned mask; /* of all of them */
    bool failed;   /* a finish() said -1 */
};

void events_add(struct events *events, const char *name, const struct ciplug_reporter *reporter,
                void *self);
/* To every listener whose mask has the kind, in the order in which they were added. A listener may
 * emit again from its callback: the inner event is then seen by all before the outer one is seen by
 * those behind it. One that is added meanwhile gets only later events. */
void events_emit(struct events *events, const struct ciplug_event *event);
/* Add to `out` what the reporters want to stand on the screen (CIPLUG_MARK_...): whole lines. What
 * was opened last is closed first. */
void events_mark(const struct events *events, int what, const char *line,
                 const struct ciplug_event *event, struct strbuf *out);
/* finish() of all, also when one fails. 0, or -1 when any did. */
int events_finish(struct events *events);
void events_free(struct events *events);

/* Neither passed nor skipped. */
bool outcome_bad(int outcome);
const char *outcome_name(int outcome); /* "passed"; "error" for what is unknown */
int outcome_parse(const char *name);   /* 0: unknown */
const char *event_name(int kind);      /* "command_finished" */
int event_parse(const char *name);     /* 0: unknown */
/* The name of the flag 1 << `index`: 0 is "flaky", 1 "leaked", ...; NULL after the last. */
const char *flag_name(unsigned index);
unsigned flag_parse(const char *name); /* the flag itself, 1 << index; 0: unknown */
const char *output_name(int output);   /* "group"; NULL for what is unknown */
int output_parse(const char *name);    /* 0: unknown */

#endif
