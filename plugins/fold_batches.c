/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct fold_batch *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order || x->attempt == y->attempt)
        return order;
    return x->attempt->order < y->attempt->order ? -1 : 1;
}

static bool is_undecided(const struct fold_attempt *attempt)
{
    return attempt->finished && !attempt->final && attempt->n > 1;
}

int fold_batches_find(struct fold_batches *batches, const struct fold_step *step)
{
    size_t n = 0;
    *batches = (struct fold_batches){0};
    for (size_t i = 0; i < step->n; i++)
        n += is_undecided(&step->attempts[i]) ? step->attempts[i].n : 0;
    if (n == 0)
        return 0;
    batches->list = calloc(n, sizeof *batches->list);
    if (!batches->list)
        return -1;
    for (size_t i = 0; i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        const char *name = attempt->names;
        for (uint32_t k = 0; is_undecided(attempt) && k < attempt->n; k++) {
            batches->list[batches->n++] = (struct fold_batch){name, attempt};
            name = fold_next_name(name);
        }
    }
    qsort(batches->list, batches->n, sizeof *batches->list, by_name);
    return 0;
}

static int to_name(const void *name, const void *batch)
{
    return strcmp(name, ((const struct fold_batch *)batch)->name);
}

const struct fold_batch *fold_batches_of(const struct fold_batches *batches,
                                         const struct fold_attempt *attempt)
{
    const struct fold_batch *at = NULL;
    if (batches->n && attempt->n == 1)
        at = bsearch(attempt->names, batches->list, batches->n, sizeof *at, to_name);
    while (at && at > batches->list && strcmp(at[-1].name, attempt->names) == 0)
        at--;
    return at;
}

const struct fold_batch *fold_batches_next(const struct fold_batches *batches,
                                           const struct fold_batch *at)
{
    bool more = at + 1 < batches->list + batches->n && strcmp(at->name, at[1].name) == 0;
    return more ? at + 1 : NULL;
}

void fold_batches_free(struct fold_batches *batches)
{
    free(batches->list);
    *batches = (struct fold_batches){0};
}
