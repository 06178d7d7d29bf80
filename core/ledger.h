/* SPDX-License-Identifier: MIT
 *
 * The one fold from events to numbers and exit status, live and replayed.
 *
 * STEP_STARTED plans (event->ledger->planned), COMMAND_FINISHED with result->final counts, per item
 * where the command has items, else 1. What never started is finished too, as cancelled or skipped,
 * by events of its own. Cleanup steps are kept apart and never change the status.
 */
#ifndef CIPLUG_CORE_LEDGER_H
#define CIPLUG_CORE_LEDGER_H

#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

struct ledger {
    struct ciplug_ledger run;     /* steps */
    struct ciplug_ledger cleanup; /* cleanup steps */
    /* What decides the status; steps only, without what their step allows. */
    uint64_t failures;   /* failed, signaled, timeout */
    uint64_t errors;     /* error */
    uint64_t cancelled;  /* cancelled */
    uint64_t unkillable; /* attempts, final or not, that left something unkillable */
};

void ledger_event(struct ledger *ledger, const struct ciplug_event *event);
/* How many of the plan's units a command stands for: its items, or 1. */
uint64_t ledger_units(const struct ciplug_command *command);
void ledger_count(struct ciplug_ledger *counts, int outcome, unsigned flags, uint64_t units);
/* planned == sum of the outcomes. */
bool ledger_adds_up(const struct ciplug_ledger *counts);
/* All numbers; `size` does not matter. */
bool ledger_equal(const struct ciplug_ledger *a, const struct ciplug_ledger *b);
/* "12 planned = 10 passed + 1 failed + ... " with the zero terms left out (but passed). */
struct strbuf;
void ledger_text(struct strbuf *out, const struct ciplug_ledger *counts);

/* The exit status of a run that was not ended by a signal (128+N is the caller's):
 *   1  something failed, died by a signal or timed out
 *   3  no verdict: an error, something unkillable, `no_verdict` (the caller knows of a full disk, a
 *      reporter that could not write, ...), or the numbers of the steps do not add up
 *   1  nothing of that, but something was cancelled (run_timeout): no success for what did not run
 *   4  `empty`: there was nothing to run
 *   0  else
 * Outcomes with CIPLUG_FLAG_ALLOWED and cleanup steps never change it. */
int ledger_exit_status(const struct ledger *ledger, bool no_verdict, bool empty);

#endif
