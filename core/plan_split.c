/* SPDX-License-Identifier: MIT
 *
 * split and run_alone: groups of about the same duration, as far as an advisor knows it; without
 * one the items are dealt round.
 */
#include "plan_internal.h"
#include "plugin_call.h"
#include "util.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

bool plan_unit_matches(const struct unit *unit, const char *pattern)
{
    const char *texts[] = {unit->item, unit->label};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i] && (strcmp(pattern, texts[i]) == 0 || fnmatch(pattern, texts[i], 0) == 0))
            return true;
    }
    return false;
}

void plan_add_command(struct step *step, uint32_t number, const size_t *units, size_t n)
{
    struct planned *command = &step->commands[step->n_commands++];
    *command =
        (struct planned){.number = number, .units = xmemdup(units, n * sizeof *units), .n = n};
}

static uint64_t estimate(const struct plan *plan, const struct step *step, const char *item)
{
    for (size_t i = 0; i < plan->plugins->n; i++) {
        struct plugin *plugin = plan->plugins->list[i];
        uint64_t ns = 0;
        int known = 0;
        if (plugin->opened && plugin->advisor.estimate)
            PLUGIN_CALL(plugin->table.name,
                        known = plugin->advisor.estimate(plugin->self, step->name, item, &ns));
        if (known == 1)
            return ns;
    }
    return 0;
}

struct weighed {
    size_t unit;
    uint64_t ns;
};

/* The longest first; equal ones in the order of the source. */
static int by_duration(const void *left, const void *right)
{
    const struct weighed *a = left, *b = right;
    if (a->ns != b->ns)
        return a->ns > b->ns ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static void weigh(const struct plan *plan, const struct step *step, struct weighed *list, size_t n)
{
    uint64_t sum = 0;
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        list[i].ns = estimate(plan, step, step->units[list[i].unit].item);
        /* Nothing takes years: no sum of a million overflows. */
        if (list[i].ns > UINT64_MAX / PLAN_UNITS_MAX / 2)
            list[i].ns = UINT64_MAX / PLAN_UNITS_MAX / 2;
        sum += list[i].ns;
        known += list[i].ns > 0;
    }
    /* What nobody has seen yet takes as long as the others do. */
    uint64_t usual = known ? sum / known : 1;
    for (size_t i = 0; i < n; i++) {
        if (list[i].ns == 0)
            list[i].ns = usual ? usual : 1;
    }
    qsort(list, n, sizeof *list, by_duration);
}

struct group {
    uint64_t ns;
    size_t index;
    size_t *units;
    size_t n, alloc;
};

static bool lighter(const struct group *a, const struct group *b)
{
    return a->ns != b->ns ? a->ns < b->ns : a->index < b->index;
}

/* The first of the heap has become heavier. */
static void sink(struct group *heap, size_t n)
{
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++) {
            if (lighter(&heap[child], &heap[least]))
                least = child;
        }
        if (least == at)
            return;
        struct group swap = heap[at];
        heap[at] = heap[least];
        heap[least] = swap;
        at = least;
    }
}

static int by_index(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int by_number(const void *left, const void *right)
{
    const size_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static void make_groups(const struct plan *plan, struct step *step, struct weighed *list, size_t n,
                        size_t n_groups)
{
    if (n_groups > n)
        n_groups = n;
    AUTO_FREE struct group *groups = xcalloc(n_groups, sizeof *groups);
    weigh(plan, step, list, n);
    for (size_t i = 0; i < n_groups; i++)
        groups[i].index = i;
    for (size_t i = 0; i < n; i++) {
        struct group *group = &groups[0];
        ARRAY_GROW(group->units, group->n, group->alloc);
        group->units[group->n++] = list[i].unit;
        group->ns += list[i].ns;
        sink(groups, n_groups);
    }
    qsort(groups, n_groups, sizeof *groups, by_index);
    for (size_t i = 0; i < n_groups; i++) {
        qsort(groups[i].units, groups[i].n, sizeof *groups[i].units, by_number);
        plan_add_command(step, (uint32_t)step->n_commands + 1, groups[i].units, groups[i].n);
        free(groups[i].units);
    }
}

static bool alone(const struct step *step, const struct unit *unit)
{
    for (size_t i = 0; i < step->run_alone.n; i++) {
        if (plan_unit_matches(unit, step->run_alone.v[i]))
            return true;
    }
    return false;
}

/* Units of one cell, `from` to before `to`, without those that are taken: those that run alone are
 * known to be slow, so they come first. */
static void split_cell(const struct plan *plan, struct step *step, size_t from, size_t to,
                       const bool *taken, size_t n_groups)
{
    AUTO_FREE struct weighed *rest = xcalloc(to - from, sizeof *rest);
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (taken && taken[i])
            continue;
        if (alone(step, &step->units[i]))
            plan_add_command(step, (uint32_t)step->n_commands + 1, &i, 1);
        else
            rest[n++].unit = i;
    }
    if (n > 0)
        make_groups(plan, step, rest, n, n_groups);
}

bool plan_same_cell(const struct unit *a, const struct unit *b)
{
    if (a->values.n != b->values.n)
        return false;
    for (size_t i = 0; i < a->values.n; i++) {
        if (strcmp(a->values.v[i], b->values.v[i]) != 0)
            return false;
    }
    return true;
}

/* Behind the last unit of the cell of unit `from`. */
static size_t cell_end(const struct step *step, size_t from)
{
    size_t to = from + 1;
    while (to < step->n_units && plan_same_cell(&step->units[from], &step->units[to]))
        to++;
    return to;
}

void plan_split(const struct plan *plan, struct step *step)
{
    for (size_t from = 0, to; from < step->n_units; from = to) {
        to = cell_end(step, from);
        split_cell(plan, step, from, to, NULL, step->split);
    }
}

/* --- anew, beside groups that stay --- */

/* How many groups are left for the rest of a cell: at least one. */
static size_t groups_left(const struct step *step, size_t from, size_t to,
                          const struct planned *groups, size_t n)
{
    size_t running = 0;
    for (size_t i = 0; i < n; i++) {
        size_t unit = groups[i].units[0];
        bool is_alone = groups[i].n == 1 && alone(step, &step->units[unit]);
        running += unit >= from && unit < to && !groups[i].carried && !is_alone;
    }
    return running < step->split ? step->split - running : 1;
}

static int by_wish(const void *left, const void *right)
{
    const struct planned *a = left, *b = right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->units[0] < b->units[0] ? -1 : a->units[0] > b->units[0];
}

/* Each number once: who comes second, or has none, gets the lowest that is free. */
static void number_commands(struct step *step)
{
    struct planned *commands = step->commands;
    size_t n = step->n_commands, at = 0;
    AUTO_FREE uint32_t *used = xcalloc(n, sizeof *used);
    size_t n_used = 0;
    qsort(commands, n, sizeof *commands, by_wish);
    for (size_t i = 0; i < n; i++) {
        if (commands[i].number > PLAN_UNITS_MAX ||
            (n_used > 0 && commands[i].number == used[n_used - 1]))
            commands[i].number = 0;
        if (commands[i].number)
            used[n_used++] = commands[i].number;
    }
    uint32_t free_number = 1;
    for (size_t i = 0; i < n; i++) {
        while (!commands[i].number && at < n_used && used[at] == free_number) {
            at++;
            free_number++;
        }
        if (!commands[i].number)
            commands[i].number = free_number++;
    }
    qsort(commands, n, sizeof *commands, by_wish);
}

static void split_rest(const struct plan *plan, struct step *step, const struct planned *groups,
                       size_t n)
{
    AUTO_FREE bool *taken = xcalloc(step->n_units, sizeof *taken);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i].n; k++)
            taken[groups[i].units[k]] = true;
    }
    for (size_t from = 0, to; from < step->n_units; from = to) {
        to = cell_end(step, from);
        split_cell(plan, step, from, to, taken, groups_left(step, from, to, groups, n));
    }
    for (size_t i = 0; i < step->n_commands; i++)
        step->commands[i].number = 0;
}

void plan_regroup(const struct plan *plan, struct step *step, struct planned *groups, size_t n)
{
    for (size_t i = 0; i < step->n_commands; i++)
        free(step->commands[i].units);
    free(step->commands);
    step->n_commands = 0;
    step->commands = xcalloc(step->n_units, sizeof *step->commands);
    if (step->split)
        split_rest(plan, step, groups, n);
    for (size_t i = 0; i < n; i++)
        step->commands[step->n_commands++] = groups[i];
    if (step->n_commands == 0)
        return;
    number_commands(step);
    if (step->split)
        step->count_all = step->commands[step->n_commands - 1].number;
}
