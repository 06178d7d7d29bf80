/* SPDX-License-Identifier: MIT */
#include "junit.h"
#include "safeguard.h"

#include <string.h>

#define US_PER_MS 1000

static bool counts(const struct fold_attempt *attempt)
{
    return attempt->finished && (attempt->final || !SAFEGUARD(final_cases));
}

/* As Surefire has it, the first failure of a case is its failure, and what came after it are
 * reruns. But what the report says of a case has to be how it ended: an attempt that ended in
 * another way does not stand for it, nor does one of a whole batch. */
static const struct fold_attempt *shown_of(const struct fold_attempt *first,
                                           const struct fold_attempt *last)
{
    while (fold_bad(last->outcome) && first < last) {
        if (first->finished && first->outcome == last->outcome && first->n == last->n)
            return first;
        first++;
    }
    return last;
}

static uint64_t ms_of(const struct fold_attempt *attempt)
{
    return attempt->duration_us / US_PER_MS;
}

/* To the next attempt that counts; false: there is none. */
static bool advance(struct junit_walk *walk)
{
    const struct fold_step *step = walk->step;
    for (; walk->next < step->n; walk->next++) {
        const struct fold_attempt *attempt = &step->attempts[walk->next];
        if (attempt->number != step->attempts[walk->first].number)
            walk->first = walk->next;
        if (counts(attempt))
            return true;
    }
    return false;
}

bool junit_next(struct junit_walk *walk, struct junit_case *one)
{
    if (!advance(walk))
        return false;
    const struct fold_attempt *last = &walk->step->attempts[walk->next];
    const struct fold_attempt *first = &walk->step->attempts[walk->first];
    walk->name = walk->unit ? fold_next_name(walk->name) : last->names;
    *one = (struct junit_case){.name = walk->name,
                               .last = last,
                               .shown = shown_of(first, last),
                               .alone = walk->unit == 0,
                               .first = first,
                               .batch = fold_batches_of(walk->batches, last),
                               .batches = walk->batches};
    uint64_t ms = ms_of(one->shown);
    one->ms = ms / last->n + (walk->unit < ms % last->n);
    if (++walk->unit == last->n) {
        walk->unit = 0;
        walk->next++;
    }
    return true;
}

static bool is_other(const struct junit_case *one, const struct fold_attempt *attempt)
{
    return attempt != one->shown && attempt->finished && fold_bad(attempt->outcome);
}

const struct fold_attempt *junit_next_other(struct junit_case *one)
{
    while (one->batch) {
        const struct fold_attempt *attempt = one->batch->attempt;
        one->batch = fold_batches_next(one->batches, one->batch);
        /* The same item may stand in the list again, in a batch that came later. */
        bool earlier = attempt->attempt < one->first->attempt;
        if (attempt->number != one->last->number && earlier && is_other(one, attempt))
            return attempt;
    }
    while (one->first <= one->last) {
        const struct fold_attempt *attempt = one->first++;
        if (is_other(one, attempt))
            return attempt;
    }
    return NULL;
}

uint64_t junit_time(const struct fold_step *step)
{
    static const struct fold_batches none;
    struct junit_walk walk = {.step = step, .batches = &none};
    struct junit_case one;
    uint64_t ms = 0;
    while (junit_next(&walk, &one))
        ms += one.ms;
    return ms;
}
