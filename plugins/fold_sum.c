/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *fold_outcome(int32_t outcome)
{
    static const char *const names[] = {
        [CIPLUG_PASSED] = "passed",   [CIPLUG_FAILED] = "failed", [CIPLUG_SIGNALED] = "signaled",
        [CIPLUG_TIMEOUT] = "timeout", [CIPLUG_ERROR] = "error",   [CIPLUG_CANCELLED] = "cancelled",
        [CIPLUG_SKIPPED] = "skipped",
    };
    bool known = outcome >= CIPLUG_PASSED && outcome <= CIPLUG_SKIPPED;
    return names[known ? outcome : CIPLUG_ERROR];
}

const char *fold_flag(unsigned index)
{
    static const char *const names[] = {"flaky",   "leaked",  "unkillable",  "truncated",
                                        "allowed", "carried", "interrupted", "judged"};
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

static int by_number(const void *a, const void *b)
{
    const struct fold_attempt *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void fold_sort(struct fold_step *step)
{
    step->n_open = 0;
    if (step->n)
        qsort(step->attempts, step->n, sizeof *step->attempts, by_number);
    for (size_t i = 0; i < step->n; i++)
        fold_cases_sort(&step->attempts[i]);
}

void fold_sum(const struct fold_step *step, struct fold_sums *sums)
{
    *sums = (struct fold_sums){0};
    for (size_t i = 0; i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        if (!attempt->final)
            continue;
        sums->by_outcome[attempt->outcome] += attempt->n;
        sums->units += attempt->n;
        if (!fold_bad(attempt->outcome))
            continue;
        if (attempt->flags & CIPLUG_FLAG_ALLOWED)
            sums->allowed += attempt->n;
        else
            sums->bad += attempt->n;
    }
    sums->missing = step->planned > sums->units ? step->planned - sums->units : 0;
}

bool fold_step_green(const struct fold_step *step, const struct fold_sums *sums)
{
    /* One without any command, or whose end the commands do not explain, has only its outcome. */
    bool unexplained = fold_bad(step->outcome) && !sums->allowed;
    return step->finished && !sums->bad && !sums->missing && !unexplained;
}

bool fold_green(const struct fold_run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        struct fold_sums sums;
        fold_sum(&run->steps[i], &sums);
        if (!run->steps[i].cleanup && !fold_step_green(&run->steps[i], &sums))
            return false;
    }
    return true;
}

const char *fold_why(const struct fold_run *run, char *buf, size_t size)
{
    if (!run->finished)
        return "the run has not finished";
    if (run->reason)
        return run->reason;
    snprintf(buf, size, "the run ended with status %" PRId32, run->exit_status);
    return buf;
}
