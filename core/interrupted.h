/* SPDX-License-Identifier: MIT
 *
 * What a journal does not say any more when ciplug was killed: its end. A fold over a run's events
 * that knows what had started; then it makes the events that are missing, so that every reporter
 * says the same of such a run without knowing that there is one.
 */
#ifndef CIPLUG_CORE_INTERRUPTED_H
#define CIPLUG_CORE_INTERRUPTED_H

#include "event.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct interrupted {
    struct begun *list; /* commands without a final result */
    size_t n;
    size_t alloc;
    struct strv steps; /* begun, not finished */
    struct strv cleanups;
    char *run;
    char *run_dir;
    uint64_t last_ns; /* time of the last event */
    bool finished;    /* the run has an end: nothing is missing */
};

/* Initialise zeroed. */
void interrupted_event(struct interrupted *interrupted, const struct ciplug_event *event);
/* The missing events, as replayed ones: COMMAND_FINISHED for each command that had begun (error,
 * final, flagged as interrupted), then STEP_FINISHED for each open step. No RUN_FINISHED: that run
 * has no verdict. Does nothing for a run that has one. */
void interrupted_emit(const struct interrupted *interrupted, struct events *events);
void interrupted_free(struct interrupted *interrupted);

#endif
