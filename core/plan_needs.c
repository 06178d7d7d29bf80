/* SPDX-License-Identifier: MIT
 *
 * Names of steps, what needs what, and circles in it: without recursion and in linear time, since
 * a generated file may hold a chain of 100,000 steps.
 */
#include "plan_internal.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* Nobody repairs more at once. */
#define CYCLES_MAX      20
#define SUGGESTIONS_MAX 200

static int by_name(const void *left, const void *right)
{
    const struct step *a = *(const struct step *const *)left;
    const struct step *b = *(const struct step *const *)right;
    return strcmp(a->name, b->name);
}

void plan_index_names(struct build *b)
{
    struct plan *plan = b->plan;
    size_t n = 0;
    plan->by_name = xcalloc(plan->n_steps + plan->n_cleanups, sizeof *plan->by_name);
    for (size_t i = 0; i < plan->n_steps; i++) {
        plan->by_name[n++] = &plan->steps[i];
        strv_push(&b->step_names, plan->steps[i].name);
    }
    for (size_t i = 0; i < plan->n_cleanups; i++)
        plan->by_name[n++] = &plan->cleanups[i];
    qsort(plan->by_name, n, sizeof *plan->by_name, by_name);
}

const struct step *plan_find_step(const struct plan *plan, const char *name)
{
    const struct step key = {.name = (char *)name}, *wanted = &key;
    const struct step **found = bsearch(&wanted, plan->by_name, plan->n_steps + plan->n_cleanups,
                                        sizeof *plan->by_name, by_name);
    return found ? *found : NULL;
}

/* The step of that name, NULL after a problem. */
static const struct step *resolve(struct build *b, const struct config_value *value,
                                  const char *name)
{
    const struct step *step = plan_find_step(b->plan, name);
    if (step && !step->cleanup)
        return step;
    if (step) {
        plan_complain(b, value, "%s: '%s' is a cleanup step, which nothing can need", value->key,
                      name);
        return NULL;
    }
    /* Looking through 100,000 names for each of 100,000 wrong ones would take hours. */
    bool helpful = b->problems->n < SUGGESTIONS_MAX;
    AUTO_FREE char *hint = helpful ? plan_hint(name, &b->step_names) : xstrdup("");
    plan_complain(b, value, "%s: there is no step '%s'%s", value->key, name, hint);
    return NULL;
}

/* `mark` holds for each step who needed it last, so that doubles are seen at once. */
static void add_need(struct step *step, const struct step *need, const void **mark)
{
    if (mark[need->index] == step)
        return;
    mark[need->index] = step;
    step->needs = xrealloc(step->needs, (step->n_needs + 1) * sizeof *step->needs);
    step->needs[step->n_needs++] = need->index;
}

static void read_items_from(struct build *b, struct step *step, const void **mark)
{
    const struct config_value *value = config_get(step->section, "items_from");
    AUTO_STRV struct strv names = STRV_INIT;
    if (step->source != SOURCE_ITEMS_FROM)
        return;
    strv_split(&names, value->value);
    if (names.n != 1) {
        plan_complain(b, value, "items_from: expected the name of one step, got '%s'",
                      value->value);
        return;
    }
    const struct step *from = resolve(b, value, names.v[0]);
    if (!from)
        return;
    if (from->ready.text)
        plan_complain(b, value, "items_from: step %s is a service, its output has no end",
                      from->name);
    step->items_from = from->index;
    add_need(step, from, mark);
}

static void read_step(struct build *b, struct step *step, const void **mark)
{
    const struct config_value *value = config_get(step->section, "needs");
    AUTO_STRV struct strv names = STRV_INIT;
    strv_split(&names, value ? value->value : "");
    for (size_t i = 0; i < names.n; i++) {
        const struct step *need = resolve(b, value, names.v[i]);
        if (need)
            add_need(step, need, mark);
    }
    if (!value && !step->cleanup && step->index > 0)
        add_need(step, &b->plan->steps[step->index - 1], mark);
    read_items_from(b, step, mark);
}

void plan_read_needs(struct build *b)
{
    struct plan *plan = b->plan;
    AUTO_FREE const void **mark = xcalloc(plan->n_steps, sizeof *mark);
    for (size_t i = 0; i < plan->n_steps; i++)
        read_step(b, &plan->steps[i], mark);
    for (size_t i = 0; i < plan->n_cleanups; i++)
        read_step(b, &plan->cleanups[i], mark);
}

/* --- circles: depth first, with a stack of its own --- */

enum colour { WHITE, GREY, BLACK };

struct search {
    struct build *b;
    unsigned char *colour;
    size_t *path; /* the way down */
    size_t *next; /* beside it: which need comes next */
    size_t depth;
    size_t *place; /* of a grey step in the path */
    size_t found;
};

/* The way from `to` down to the end of the path needs `to` again. It is told from its first step in
 * the file on. */
static void report(struct search *s, size_t to)
{
    const struct plan *plan = s->b->plan;
    size_t start = s->place[to], n = s->depth - start, first = 0;
    if (++s->found > CYCLES_MAX)
        return;
    for (size_t i = 1; i < n; i++) {
        if (s->path[start + i] < s->path[start + first])
            first = i;
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i <= n; i++)
        strbuf_addf(&text, "%s%s", i ? " -> " : "",
                    plan->steps[s->path[start + (first + i) % n]].name);
    const struct config_section *section = plan->steps[s->path[start + first]].section;
    if (n == 1)
        problems_add(s->b->problems, section->file, section->line, "a step needs itself: %s",
                     text.buf);
    else
        problems_add(s->b->problems, section->file, section->line,
                     "steps need each other in a circle: %s", text.buf);
}

static void go_down(struct search *s, size_t step)
{
    s->colour[step] = GREY;
    s->place[step] = s->depth;
    s->path[s->depth] = step;
    s->next[s->depth++] = 0;
}

static void search_from(struct search *s, size_t start)
{
    const struct step *steps = s->b->plan->steps;
    if (s->colour[start] == WHITE)
        go_down(s, start);
    while (s->depth > 0) {
        size_t at = s->path[s->depth - 1];
        if (s->next[s->depth - 1] == steps[at].n_needs) {
            s->colour[at] = BLACK;
            s->depth--;
            continue;
        }
        size_t need = steps[at].needs[s->next[s->depth - 1]++];
        if (s->colour[need] == WHITE)
            go_down(s, need);
        else if (s->colour[need] == GREY && SAFEGUARD(no_circles))
            report(s, need);
    }
}

void plan_check_cycles(struct build *b)
{
    size_t n = b->plan->n_steps;
    AUTO_FREE unsigned char *colour = xcalloc(n, 1);
    AUTO_FREE size_t *path = xcalloc(n, sizeof *path);
    AUTO_FREE size_t *next = xcalloc(n, sizeof *next);
    AUTO_FREE size_t *place = xcalloc(n, sizeof *place);
    struct search s = {.b = b, .colour = colour, .path = path, .next = next, .place = place};
    for (size_t i = 0; i < n; i++)
        search_from(&s, i);
    if (s.found > CYCLES_MAX)
        problems_add(b->problems, b->config->file, 0, "and %zu more circles of needs",
                     s.found - CYCLES_MAX);
}
