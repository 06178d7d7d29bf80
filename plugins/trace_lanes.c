/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct lane *x = a, *y = b;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->worker != y->worker)
        return x->worker < y->worker ? -1 : 1;
    return strcmp(x->host, y->host);
}

static size_t count(const struct fold *fold)
{
    size_t n = 0;
    for (size_t r = 0; r < fold->n; r++) {
        for (size_t s = 0; s < fold->runs[r].n; s++)
            n += fold->runs[r].steps[s].n;
    }
    return n;
}

static void collect(struct lanes *lanes, size_t run, const struct fold_step *step)
{
    for (size_t i = 0; i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        if (attempt->worker && attempt->started_us)
            lanes->list[lanes->n++] =
                (struct lane){.run = run, .host = attempt->host, .worker = attempt->worker};
    }
}

/* Each of them once. */
static void sort(struct lanes *lanes)
{
    size_t kept = 0;
    qsort(lanes->list, lanes->n, sizeof *lanes->list, compare);
    for (size_t i = 0; i < lanes->n; i++) {
        if (kept == 0 || compare(&lanes->list[kept - 1], &lanes->list[i]) != 0)
            lanes->list[kept++] = lanes->list[i];
    }
    lanes->n = kept;
}

/* The workers of a host stand together, as a rule. */
static uint32_t pid_of_host(const struct lanes *lanes, size_t first, size_t i)
{
    for (size_t k = i; k > first; k--) {
        if (strcmp(lanes->list[k - 1].host, lanes->list[i].host) == 0)
            return lanes->list[k - 1].pid;
    }
    return 0;
}

static void number(struct lanes *lanes, const struct fold *fold)
{
    uint32_t next = 1;
    size_t i = 0;
    for (size_t run = 0; run < fold->n; run++) {
        lanes->steps[run] = next++;
        for (size_t first = i; i < lanes->n && lanes->list[i].run == run; i++) {
            uint32_t pid = pid_of_host(lanes, first, i);
            lanes->list[i].pid = pid ? pid : next++;
        }
    }
}

int lanes_find(struct lanes *lanes, const struct fold *fold)
{
    size_t n = count(fold);
    lanes->n = 0;
    lanes->list = calloc(n + 1, sizeof *lanes->list);
    lanes->steps = calloc(fold->n + 1, sizeof *lanes->steps);
    if (!lanes->list || !lanes->steps)
        return -1;
    for (size_t r = 0; r < fold->n; r++) {
        for (size_t s = 0; s < fold->runs[r].n; s++)
            collect(lanes, r, &fold->runs[r].steps[s]);
    }
    sort(lanes);
    number(lanes, fold);
    return 0;
}

uint32_t lanes_pid(const struct lanes *lanes, size_t run, const struct fold_attempt *attempt)
{
    struct lane wanted = {.run = run, .host = attempt->host, .worker = attempt->worker};
    const struct lane *lane = bsearch(&wanted, lanes->list, lanes->n, sizeof wanted, compare);
    return lane ? lane->pid : 0;
}

void lanes_free(struct lanes *lanes)
{
    free(lanes->list);
    free(lanes->steps);
    *lanes = (struct lanes){0};
}
