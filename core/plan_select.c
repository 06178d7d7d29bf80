/* SPDX-License-Identifier: MIT
 *
 * STEP, STEP:GLOB, --only: which steps and units are part of this run.
 */
#include "msg.h"
#include "options.h"
#include "plan_internal.h"
#include "util.h"
#include "visible.h"

#include <stdlib.h>
#include <string.h>

#define NEAREST_MAX 3

static struct step *find_selected(struct build *b, const char *selection, const char *name)
{
    const struct step *step = plan_find_step(b->plan, name);
    if (step && !step->cleanup)
        return &b->plan->steps[step->index];
    AUTO_FREE char *shown = visible(selection);
    if (step) {
        problems_add(b->problems, NULL, 0, "'%s': cleanup steps always run, and cannot be chosen",
                     shown);
        return NULL;
    }
    AUTO_FREE char *hint = plan_hint(name, &b->step_names);
    AUTO_FREE char *missing = visible(name);
    problems_add(b->problems, NULL, 0, "there is no step '%s'%s", missing, hint);
    return NULL;
}

/* `whole`: steps that were also named without a glob. */
static void select_one(struct build *b, const char *selection, bool *whole)
{
    size_t length = strcspn(selection, ":");
    AUTO_FREE char *name = xstrndup(selection, length);
    struct step *step = find_selected(b, selection, name);
    if (!step)
        return;
    step->selected = true;
    if (!selection[length])
        whole[step->index] = true;
    else if (selection[length + 1])
        strv_push(&step->globs, selection + length + 1);
    else
        problems_add(b->problems, NULL, 0, "'%s': a glob for items is missing behind the colon",
                     selection);
}

/* What the selected steps need, and what these need. */
static void select_needs(struct plan *plan)
{
    AUTO_FREE size_t *stack = xcalloc(plan->n_steps, sizeof *stack);
    size_t depth = 0;
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i].selected)
            stack[depth++] = i;
    }
    while (depth > 0) {
        const struct step *step = &plan->steps[stack[--depth]];
        for (size_t i = 0; i < step->n_needs; i++) {
            struct step *need = &plan->steps[step->needs[i]];
            if (!need->selected)
                stack[depth++] = need->index;
            need->selected = true;
        }
    }
}

static void check_sources(struct build *b)
{
    const struct plan *plan = b->plan;
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct step *step = &plan->steps[i];
        if (!step->selected || step->source != SOURCE_ITEMS_FROM)
            continue;
        const struct step *from = &plan->steps[step->items_from];
        if (!from->selected)
            problems_add(b->problems, NULL, 0,
                         "--only: the items of step %s come from step %s, which is left out",
                         step->name, from->name);
    }
}

void plan_select(struct build *b)
{
    struct plan *plan = b->plan;
    const char *const *selections = b->request->selections;
    bool any = selections && *selections;
    AUTO_FREE bool *whole = xcalloc(plan->n_steps, sizeof *whole);
    for (size_t i = 0; any && selections[i]; i++)
        select_one(b, selections[i], whole);
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (!any)
            plan->steps[i].selected = true;
        if (whole[i])
            strv_clear(&plan->steps[i].globs);
    }
    for (size_t i = 0; i < plan->n_cleanups; i++)
        plan->cleanups[i].selected = !b->request->only;
    if (b->request->only && !any)
        problems_add(b->problems, NULL, 0, "--only: name the steps that are to run");
    if (b->request->only)
        check_sources(b);
    else
        select_needs(plan);
}

/* --- what is left to do --- */

/* The letters of a glob without its wildcards. */
static char *bare(const char *glob)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (; *glob; glob++) {
        if (!strchr("*?[]\\", *glob))
            strbuf_addch(&text, *glob);
    }
    return strbuf_detach(&text);
}

static void add_near(struct strv *near, const char *label)
{
    if (near->n < NEAREST_MAX && !strv_has(near, label))
        strv_push(near, label);
}

/* Labels that hold the letters of the glob, else the one with the least differences, else the
 * first. */
static void find_near(const struct strv *labels, const char *glob, struct strv *near)
{
    AUTO_FREE char *letters = bare(glob);
    for (size_t i = 0; *letters && i < labels->n; i++) {
        if (strcasestr(labels->v[i], letters))
            add_near(near, labels->v[i]);
    }
    const char *nearest = suggest(letters, (const char *const *)labels->v);
    if (nearest)
        add_near(near, nearest);
    bool nothing = near->n == 0;
    for (size_t i = 0; nothing && i < labels->n; i++)
        add_near(near, labels->v[i]);
}

static char *near_text(const struct strv *labels, const char *glob)
{
    AUTO_STRV struct strv near = STRV_INIT;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    if (labels->n == 0)
        return xstrdup("; it has none");
    find_near(labels, glob, &near);
    for (size_t i = 0; i < near.n; i++) {
        AUTO_FREE char *shown = visible(near.v[i]);
        strbuf_addf(&text, "%s'%s'", i ? ", " : "; nearest: ", shown);
    }
    return strbuf_detach(&text);
}

/* The step's units without the selection: what a glob may match. */
static void all_labels(struct build *b, struct step *step, struct strv *labels)
{
    AUTO_FREE char *error = NULL;
    struct strv globs = step->globs;
    step->globs = (struct strv)STRV_INIT;
    if (plan_step_commands(b->plan, step, NULL, &error) == 0) {
        for (size_t i = 0; i < step->n_units; i++) {
            const struct unit *unit = &step->units[i];
            if (unit->item && unit->values.n)
                strv_push(labels, unit->item);
            strv_push(labels, unit->label);
        }
    }
    step->globs = globs;
    AUTO_FREE char *again = NULL;
    (void)plan_step_commands(b->plan, step, NULL, &again);
}

static bool any_matches(const struct step *step, const char *glob)
{
    for (size_t i = 0; i < step->n_units; i++) {
        if (plan_unit_matches(&step->units[i], glob))
            return true;
    }
    return false;
}

/* Each glob must find something: a typing error among several must not go unseen. */
static int check_globs(struct build *b, struct step *step)
{
    AUTO_STRV struct strv labels = STRV_INIT;
    int result = 0;
    for (size_t i = 0; i < step->globs.n; i++) {
        if (any_matches(step, step->globs.v[i]))
            continue;
        if (labels.n == 0)
            all_labels(b, step, &labels);
        /* What is not there yet may come: the run will see. */
        if (labels.n == 0 && step->preview && step->n_needs > 0)
            return 0;
        AUTO_FREE char *near = near_text(&labels, step->globs.v[i]);
        msg(MSG_ERROR, "no item of step %s matches '%s'%s", step->name, step->globs.v[i], near);
        result = 1;
    }
    return result;
}

static bool has_work(const struct step *step)
{
    return step->n_units > 0 || step->preview || step->allow_empty;
}

int plan_check_selection(struct build *b)
{
    struct plan *plan = b->plan;
    int result = 0;
    bool work = false;
    for (size_t i = 0; i < plan->n_steps; i++) {
        struct step *step = &plan->steps[i];
        if (!step->selected)
            continue;
        if (step->globs.n && check_globs(b, step) > 0)
            result = 1;
        work = work || has_work(step);
    }
    if (result == 0 && !work) {
        msg(MSG_ERROR, "%s: nothing to run: %s", b->config->file,
            plan->n_steps ? "no step has a command" : "there is no [step NAME]");
        result = 1;
    }
    return result;
}
