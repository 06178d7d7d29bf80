/* SPDX-License-Identifier: MIT */
#include "html.h"

#include <stdlib.h>

/* ---- orders ---- */

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_worker(const void *x, const void *y, void *data)
{
    const struct html *html = data;
    uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
    const struct attempt *a = &html->attempts[i], *b = &html->attempts[j];
    int order = compare(html->steps[a->step].run, html->steps[b->step].run);
    order = order ? order : compare(a->worker, b->worker);
    order = order ? order : compare(a->start_us, b->start_us);
    return order ? order : compare(i, j);
}

static int by_command(const void *x, const void *y, void *data)
{
    const struct html *html = data;
    uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
    const struct attempt *a = &html->attempts[i], *b = &html->attempts[j];
    int order = compare(a->step, b->step);
    order = order ? order : compare(a->number, b->number);
    return order ? order : compare(i, j);
}

static int by_time(const void *x, const void *y, void *data)
{
    const struct html *html = data;
    uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
    int order = compare(html->attempts[j].us, html->attempts[i].us);
    return order ? order : compare(i, j);
}

static uint32_t *sorted(const struct html *html, int (*order)(const void *, const void *, void *))
{
    uint32_t *list = calloc(html->n_attempts + 1, sizeof *list);
    for (size_t i = 0; list && i < html->n_attempts; i++)
        list[i] = (uint32_t)i;
    if (list)
        qsort_r(list, html->n_attempts, sizeof *list, order, (void *)html);
    return list;
}

const uint32_t *html_attempts(const struct html *html, const struct sums *sums, uint32_t attempt,
                              size_t *n)
{
    size_t low = 0, high = html->n_attempts;
    const struct attempt *wanted = &html->attempts[attempt];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct attempt *there = &html->attempts[sums->by_command[middle]];
        bool before = there->step < wanted->step ||
                      (there->step == wanted->step && there->number < wanted->number);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    for (*n = 0; low + *n < html->n_attempts; ++*n) {
        const struct attempt *there = &html->attempts[sums->by_command[low + *n]];
        if (there->step != wanted->step || there->number != wanted->number)
            break;
    }
    return &sums->by_command[low];
}

/* ---- workers ---- */

static bool ran(const struct attempt *attempt)
{
    return attempt->worker && attempt->start_us && !(attempt->bits & HTML_JUDGED);
}

static bool same_lane(const struct html *html, const struct attempt *a, const struct attempt *b)
{
    return a->worker == b->worker && html->steps[a->step].run == html->steps[b->step].run;
}

static size_t count_lanes(const struct html *html, const struct sums *sums)
{
    size_t n = 0;
    const struct attempt *before = NULL;
    for (size_t i = 0; i < html->n_attempts; i++) {
        const struct attempt *attempt = &html->attempts[sums->by_worker[i]];
        if (!ran(attempt))
            continue;
        n += !before || !same_lane(html, before, attempt);
        before = attempt;
    }
    return n;
}

static void add_to_lane(const struct html *html, struct lane *lane, uint32_t i)
{
    const struct attempt *attempt = &html->attempts[i];
    uint64_t end = attempt->start_us + attempt->us;
    lane->n++;
    lane->busy_us += attempt->us;
    if (html->steps[attempt->step].cleanup || end < lane->end_us)
        return;
    lane->end_us = end;
    lane->last = i;
}

static void find_lanes(const struct html *html, struct sums *sums)
{
    const struct attempt *before = NULL;
    for (size_t i = 0; i < html->n_attempts; i++) {
        const struct attempt *attempt = &html->attempts[sums->by_worker[i]];
        if (!ran(attempt))
            continue;
        if (!before || !same_lane(html, before, attempt))
            sums->lanes[sums->n_lanes++] = (struct lane){.run = html->steps[attempt->step].run,
                                                         .worker = attempt->worker,
                                                         .host = attempt->host,
                                                         .first = i};
        before = attempt;
        add_to_lane(html, &sums->lanes[sums->n_lanes - 1], sums->by_worker[i]);
    }
}

/* ---- shapes ---- */

static void add_to_shape(const struct html *html, struct shape *shape, uint32_t i)
{
    const struct attempt *attempt = &html->attempts[i];
    uint64_t end = attempt->start_us + attempt->us;
    if (!shape->n || attempt->start_us < shape->first_us)
        shape->first_us = attempt->start_us;
    if (!shape->n || end > shape->end_us) {
        shape->end_us = end;
        shape->last = i;
    }
    if (!shape->n || attempt->us > shape->longest_us) {
        shape->longest_us = attempt->us;
        shape->longest = i;
    }
    shape->work_us += attempt->us;
    shape->again = shape->again || attempt->attempt > 1;
    shape->n++;
}

/* `worker`: of the step's commands before, by worker. */
static void find_shapes(const struct html *html, struct sums *sums, uint32_t *worker)
{
    for (size_t i = 0; i < html->n_attempts; i++) {
        uint32_t at = sums->by_worker[i];
        const struct attempt *attempt = &html->attempts[at];
        const struct step *step = &html->steps[attempt->step];
        if (!ran(attempt))
            continue;
        struct shape *shape = &sums->steps[attempt->step];
        shape->slots += worker[attempt->step] != attempt->worker;
        worker[attempt->step] = attempt->worker;
        add_to_shape(html, shape, at);
        if (!step->cleanup)
            add_to_shape(html, &sums->runs[step->run], at);
    }
}

static void find_tails(struct sums *sums)
{
    for (size_t i = 0; i < sums->n_lanes; i++) {
        const struct lane *lane = &sums->lanes[i];
        struct shape *shape = &sums->runs[lane->run];
        if (!lane->end_us)
            continue;
        if (!shape->slots || lane->end_us < shape->idle_from_us)
            shape->idle_from_us = lane->end_us;
        shape->slots++;
        shape->idle_us += shape->end_us - lane->end_us;
    }
}

uint64_t html_bound(const struct shape *shape)
{
    uint64_t share = shape->slots ? shape->work_us / shape->slots : 0;
    return share > shape->longest_us ? share : shape->longest_us;
}

/* ---- numbers ---- */

static void count(const struct html *html, struct sums *sums)
{
    for (size_t i = 0; i < html->n_steps; i++) {
        const struct step *step = &html->steps[i];
        uint64_t *counts = step->cleanup ? sums->cleanup : sums->counts;
        for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++)
            counts[outcome] += step->counts[outcome];
        if (step->cleanup)
            continue;
        sums->planned += step->planned;
        sums->flaky += step->flaky;
    }
    for (size_t i = 0; i < html->n_attempts; i++) {
        const struct attempt *attempt = &html->attempts[i];
        if ((attempt->bits & HTML_FINAL) && attempt->outcome != CIPLUG_PASSED &&
            (attempt->flags & CIPLUG_FLAG_ALLOWED) && !html->steps[attempt->step].cleanup)
            sums->allowed += attempt->units;
    }
}

int html_sums(const struct html *html, struct sums *sums)
{
    *sums = (struct sums){.by_worker = sorted(html, by_worker),
                          .by_command = sorted(html, by_command),
                          .by_time = sorted(html, by_time),
                          .runs = calloc(html->n_runs + 1, sizeof *sums->runs),
                          .steps = calloc(html->n_steps + 1, sizeof *sums->steps)};
    uint32_t *worker = calloc(html->n_steps + 1, sizeof *worker);
    bool whole =
        sums->by_worker && sums->by_command && sums->by_time && sums->runs && sums->steps && worker;
    if (whole)
        sums->lanes = calloc(count_lanes(html, sums) + 1, sizeof *sums->lanes);
    whole = whole && sums->lanes;
    if (whole) {
        find_lanes(html, sums);
        find_shapes(html, sums, worker);
        find_tails(sums);
        count(html, sums);
    }
    free(worker);
    return whole ? 0 : -1;
}

void html_sums_free(struct sums *sums)
{
    free(sums->by_worker);
    free(sums->by_command);
    free(sums->by_time);
    free(sums->lanes);
    free(sums->runs);
    free(sums->steps);
}
