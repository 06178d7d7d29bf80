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

struct ledger {
    struct ciplug_ledger run;     /* steps */
    struct ciplug_ledger cleanup; /* cleanup steps */
};

void ledger_event(struct ledger *ledger, const struct ciplug_event *event);
void ledger_count(struct ciplug_ledger *counts, int outcome, unsigned flags, uint64_t units);
/* planned == sum of the outcomes. */
bool ledger_adds_up(const struct ciplug_ledger *counts);
bool ledger_equal(const struct ciplug_ledger *a, const struct ciplug_ledger *b);
/* "12 planned = 10 passed + 1 failed + ... " with the zero terms left out (but passed). */
struct strbuf;
void ledger_text(struct strbuf *out, const struct ciplug_ledger *counts);

#endif
