/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_US UINT64_C(1000)
#define TEXTS     8

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* All texts in one allocation, as those of attempts. */
static int fill(struct fold_case *one, const struct ciplug_event *event)
{
    const struct ciplug_test *test = event->test;
    const char *from[TEXTS] = {event->command->item, test->suite, test->classname, test->name,
                               test->file,           test->type,  test->message,   test->text};
    const char **to[TEXTS] = {&one->item, &one->suite, &one->classname, &one->name,
                              &one->file, &one->type,  &one->message,   &one->text};
    size_t size = 0, at = 0;
    for (size_t i = 0; i < TEXTS; i++)
        size += strlen(or_empty(from[i])) + 1;
    char *texts = malloc(size);
    one->texts = texts;
    for (size_t i = 0; texts && i < TEXTS; i++) {
        size_t length = strlen(or_empty(from[i])) + 1;
        *to[i] = memcpy(texts + at, or_empty(from[i]), length);
        at += length;
    }
    return texts ? 0 : -1;
}

int fold_case_add(struct fold_attempt *attempt, const struct ciplug_event *event)
{
    const struct ciplug_test *test = event->test;
    bool known = test->outcome >= CIPLUG_PASSED && test->outcome <= CIPLUG_SKIPPED;
    if (attempt->n_cases == attempt->cases_alloc) {
        size_t wanted = attempt->cases_alloc ? 2 * attempt->cases_alloc : 4;
        struct fold_case *more = realloc(attempt->cases, wanted * sizeof *more);
        if (!more)
            return -1;
        attempt->cases = more;
        attempt->cases_alloc = wanted;
    }
    struct fold_case *one = &attempt->cases[attempt->n_cases];
    *one = (struct fold_case){.line = test->line,
                              .flags = test->flags,
                              .order = (uint32_t)attempt->n_cases,
                              .outcome = known ? test->outcome : CIPLUG_ERROR,
                              .duration_us = test->duration_ns / NS_PER_US};
    if (fill(one, event) < 0)
        return -1;
    attempt->n_cases++;
    return 0;
}

void fold_cases_free(struct fold_attempt *attempt)
{
    for (size_t i = 0; i < attempt->n_cases; i++)
        free((char *)attempt->cases[i].texts);
    free(attempt->cases);
    attempt->cases = NULL;
    attempt->n_cases = attempt->cases_alloc = 0;
}

/* Where the attempts of that number begin. */
static size_t find_number(const struct fold_step *step, uint32_t number)
{
    size_t low = 0, high = step->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (step->attempts[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct fold_attempt *fold_writer(const struct fold_step *step,
                                       const struct fold_attempt *attempt)
{
    if (!attempt->batch)
        return attempt;
    for (size_t i = find_number(step, attempt->batch);
         i < step->n && step->attempts[i].number == attempt->batch; i++) {
        if (step->attempts[i].attempt == attempt->attempt)
            return &step->attempts[i];
    }
    return attempt;
}

static int by_item(const void *a, const void *b)
{
    const struct fold_case *x = a, *y = b;
    int order = strcmp(x->item, y->item);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

void fold_cases_sort(struct fold_attempt *attempt)
{
    if (attempt->n_cases > 1)
        qsort(attempt->cases, attempt->n_cases, sizeof *attempt->cases, by_item);
}

/* Whose cases are the attempt's; NULL: all are. A batch whose items have verdicts of their own
 * keeps what belongs to none of them. */
static const char *owner_of(const struct fold_attempt *attempt)
{
    if (attempt->batch)
        return attempt->names;
    return attempt->flags & CIPLUG_FLAG_JUDGED ? "" : NULL;
}

/* A search, as there may be as many items as cases. */
static const struct fold_case *first_of(const struct fold_attempt *writer, const char *item)
{
    size_t low = 0, high = item ? writer->n_cases : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(writer->cases[middle].item, item) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return writer->n_cases ? &writer->cases[low] : NULL;
}

const struct fold_case *fold_case_next(const struct fold_attempt *writer,
                                       const struct fold_attempt *attempt,
                                       const struct fold_case *at)
{
    const char *item = owner_of(attempt);
    at = at ? at + 1 : first_of(writer, item);
    if (!at || at == writer->cases + writer->n_cases)
        return NULL;
    return !item || strcmp(at->item, item) == 0 ? at : NULL;
}

void fold_cases_sum(const struct fold_attempt *writer, const struct fold_attempt *attempt,
                    struct fold_case_sums *sums)
{
    *sums = (struct fold_case_sums){0};
    for (const struct fold_case *one = NULL; (one = fold_case_next(writer, attempt, one));) {
        sums->cases++;
        sums->failed += one->outcome == CIPLUG_FAILED;
        sums->errors += one->outcome == CIPLUG_ERROR;
        sums->skipped += one->outcome == CIPLUG_SKIPPED;
        sums->duration_us += one->duration_us;
    }
}
