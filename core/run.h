/* SPDX-License-Identifier: MIT
 *
 * The run: loop, signals, wiring. From a plan to an exit status.
 */
#ifndef CIPLUG_CORE_RUN_H
#define CIPLUG_CORE_RUN_H

#include "keeper.h"
#include "plan.h"
#include "schedule.h"

#include <stdbool.h>

struct run_options {
    enum failure_mode mode;
    bool keep;            /* --keep */
    const char *resume;   /* run id, "" for the latest; NULL: no */
    int output;           /* CIPLUG_OUTPUT_... */
    int verbosity;        /* -1, 0, 1 */
    const char *progress; /* auto, plain, none */
    const char *color;    /* auto, always, never */
    const char *state_dir;
    const char *const *argv; /* of the program, for the journal */
    bool hangup_ignored;     /* SIGHUP was ignored when we were started (nohup): stay deaf */
};

/* Runs the plan. The exit status of the contract. The keeper is used up. */
int run_plan(struct plan *plan, struct keeper *keeper, const struct run_options *options);
/* Every command as it would run, on stdout. Status 0, or 3 when stdout cannot be written. */
int run_dry(struct plan *plan);

#endif
