/* SPDX-License-Identifier: MIT */
#include "ledger.h"
#include "event.h"
#include "safeguard.h"
#include "strbuf.h"
#include "util.h"

#include <inttypes.h>

static uint64_t *counter(struct ciplug_ledger *counts, int outcome)
{
    switch (outcome) {
    case CIPLUG_PASSED:
        return &counts->passed;
    case CIPLUG_FAILED:
        return &counts->failed;
    case CIPLUG_SIGNALED:
        return &counts->signaled;
    case CIPLUG_TIMEOUT:
        return &counts->timeout;
    case CIPLUG_CANCELLED:
        return &counts->cancelled;
    case CIPLUG_SKIPPED:
        return &counts->skipped;
    default:
        return &counts->error;
    }
}

void ledger_count(struct ciplug_ledger *counts, int outcome, unsigned flags, uint64_t units)
{
    counts->size = sizeof *counts;
    *counter(counts, outcome) += units;
    if (outcome == CIPLUG_PASSED && (flags & CIPLUG_FLAG_FLAKY))
        counts->flaky += units;
    if (outcome != CIPLUG_PASSED && (flags & CIPLUG_FLAG_ALLOWED))
        counts->commands_allowed += units;
}

uint64_t ledger_units(const struct ciplug_command *command)
{
    uint64_t n = 0;
    while (command && command->items && command->items[n])
        n++;
    return n ? n : 1;
}

static void weigh(struct ledger *ledger, const struct ciplug_result *result, uint64_t units)
{
    if (result->flags & CIPLUG_FLAG_UNKILLABLE)
        ledger->unkillable++;
    if (!result->final || (result->flags & CIPLUG_FLAG_ALLOWED))
        return;
    switch (result->outcome) {
    case CIPLUG_PASSED:
    case CIPLUG_SKIPPED:
        break;
    case CIPLUG_FAILED:
    case CIPLUG_SIGNALED:
    case CIPLUG_TIMEOUT:
        ledger->failures += units;
        break;
    case CIPLUG_CANCELLED:
        ledger->cancelled += units;
        break;
    default:
        ledger->errors += units;
    }
}

void ledger_event(struct ledger *ledger, const struct ciplug_event *event)
{
    bool cleanup = event->cleanup || (event->command && event->command->cleanup);
    struct ciplug_ledger *counts = cleanup ? &ledger->cleanup : &ledger->run;
    if (event->kind == CIPLUG_STEP_STARTED && event->ledger) {
        counts->size = sizeof *counts;
        counts->planned += event->ledger->planned;
    }
    if (event->kind != CIPLUG_COMMAND_FINISHED || !event->result)
        return;
    uint64_t units = ledger_units(event->command);
    if (event->result->final || !SAFEGUARD(final_attempts_count))
        ledger_count(counts, event->result->outcome, event->result->flags, units);
    if (!cleanup)
        weigh(ledger, event->result, units);
}

static uint64_t ledger_sum(const struct ciplug_ledger *c)
{
    return c->passed + c->failed + c->signaled + c->timeout + c->error + c->cancelled + c->skipped;
}

bool ledger_adds_up(const struct ciplug_ledger *counts)
{
    return counts->planned == ledger_sum(counts);
}

bool ledger_equal(const struct ciplug_ledger *a, const struct ciplug_ledger *b)
{
    return a->planned == b->planned && a->passed == b->passed && a->failed == b->failed &&
           a->signaled == b->signaled && a->timeout == b->timeout && a->error == b->error &&
           a->cancelled == b->cancelled && a->skipped == b->skipped && a->flaky == b->flaky &&
           a->commands_allowed == b->commands_allowed;
}

void ledger_text(struct strbuf *out, const struct ciplug_ledger *counts)
{
    struct ciplug_ledger copy = *counts;
    strbuf_addf(out, "%" PRIu64 " planned = %" PRIu64 " passed", copy.planned, copy.passed);
    for (int outcome = CIPLUG_FAILED; outcome <= CIPLUG_SKIPPED; outcome++) {
        uint64_t n = *counter(&copy, outcome);
        if (n)
            strbuf_addf(out, " + %" PRIu64 " %s", n, outcome_name(outcome));
    }
}

int ledger_exit_status(const struct ledger *ledger, bool no_verdict, bool empty)
{
    if (ledger->failures)
        return 1;
    if (ledger->errors || ledger->unkillable || no_verdict || !ledger_adds_up(&ledger->run))
        return 3;
    if (ledger->cancelled)
        return 1;
    return empty ? 4 : 0;
}
