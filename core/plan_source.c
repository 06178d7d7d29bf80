/* SPDX-License-Identifier: MIT
 *
 * Where a step's commands come from, and which keys exclude each other. What stands in [ciplug] is
 * a wish for steps that it fits: it gives way to a step's own keys, without a problem.
 */
#include "plan_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

bool plan_has_items(const struct step *step)
{
    return step->source == SOURCE_ITEMS || step->source == SOURCE_ITEMS_FROM ||
           step->source == SOURCE_ITEMS_FILE;
}

static const struct config_value *own(const struct step *step, const char *key)
{
    return config_get(step->section, key);
}

static const struct config_value *own_matrix(const struct step *step)
{
    for (size_t i = 0; i < step->section->n; i++) {
        if (str_starts(step->section->values[i].key, "matrix."))
            return &step->section->values[i];
    }
    return NULL;
}

/* Say it at the second one's place. */
static bool exclude(struct build *b, const struct config_value *a, const struct config_value *z)
{
    if (!a || !z)
        return false;
    const struct config_value *second = a < z ? z : a;
    const struct config_value *first = a < z ? a : z;
    if (first->line > 0)
        plan_complain(b, second, "'%s' and '%s' (line %d) exclude each other", second->key,
                      first->key, first->line);
    else
        plan_complain(b, second, "'%s' and '%s' (%s) exclude each other", second->key, first->key,
                      first->file);
    return true;
}

static const struct {
    const char *key;
    enum source source;
} sources[] = {{"items", SOURCE_ITEMS},
               {"items_from", SOURCE_ITEMS_FROM},
               {"items_file", SOURCE_ITEMS_FILE},
               {"count", SOURCE_COUNT}};

/* Each further source is a problem. One with items counts, so that {item} is no second one. */
static const struct config_value *read_source(struct build *b, struct step *step)
{
    const struct config_value *first = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        const struct config_value *value = own(step, sources[i].key);
        if (!value || exclude(b, first, value))
            continue;
        first = value;
        step->source = sources[i].source;
    }
    if (step->source == SOURCE_ITEMS_FILE && !step->items_file.text)
        plan_complain(b, first, "items_file names no file");
    return first;
}

static void check_per(struct build *b, const struct step *step, const struct config_value *source)
{
    static const char *const keys[] = {"split", "batch", "run_alone", "matrix_exclude", "weight"};
    const struct config_value *per = own(step, "per");
    exclude(b, per, source);
    exclude(b, per, own_matrix(step));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        exclude(b, per, own(step, keys[i]));
}

static void check_ready(struct build *b, const struct step *step, const struct config_value *source)
{
    static const char *const keys[] = {"split", "batch"};
    const struct config_value *ready = own(step, "ready");
    if (!ready || !step->ready.text)
        return;
    if (step->source != SOURCE_COUNT || step->count > 1)
        exclude(b, ready, source);
    exclude(b, ready, own_matrix(step));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        exclude(b, ready, own(step, keys[i]));
}

static void drop_matrix(struct step *step)
{
    for (size_t i = 0; i < step->n_axes; i++) {
        free(step->axes[i].name);
        strv_free(&step->axes[i].values);
    }
    step->n_axes = 0;
    strv_clear(&step->matrix_names);
    strv_clear(&step->matrix_exclude);
}

/* What was only inherited gives way. */
static void settle(struct step *step)
{
    bool single = step->ready.text != NULL;
    if (!own(step, "per") && (step->source != SOURCE_NONE || own_matrix(step)))
        step->per = PER_COMMAND;
    if (step->per != PER_COMMAND || single) {
        if (!own_matrix(step))
            drop_matrix(step);
        step->split = 0;
        step->batch = 0;
    }
    if (step->per != PER_COMMAND)
        step->weight = 1;
    if (!plan_has_items(step)) {
        step->split = 0;
        step->batch = 0;
    }
    if (step->split && step->batch) {
        if (own(step, "split"))
            step->batch = 0;
        else
            step->split = 0;
    }
}

static void need_other(struct build *b, const struct step *step, const char *key, bool there,
                       const char *what)
{
    const struct config_value *value = own(step, key);
    if (value && *value->value && !there)
        plan_complain(b, value, "'%s' is of no use without %s", key, what);
}

void plan_read_source(struct build *b, struct step *step)
{
    static const char items[] = "items, items_from or items_file";
    const struct config_value *source = read_source(b, step);
    plan_read_matrix(b, step);
    check_per(b, step, source);
    check_ready(b, step, source);
    if (!exclude(b, own(step, "split"), own(step, "batch")) &&
        strcmp(step->section->kind, "step") == 0 && b->run)
        exclude(b, config_get(b->run, "split"), config_get(b->run, "batch"));
    need_other(b, step, "split", plan_has_items(step) || own(step, "per"), items);
    need_other(b, step, "batch", plan_has_items(step) || own(step, "per"), items);
    need_other(b, step, "matrix_exclude", step->n_axes > 0 || own(step, "per"), "matrix.NAME");
    settle(step);
    need_other(b, step, "run_alone", step->split > 0 || own(step, "split") || own(step, "per"),
               "split");
}
