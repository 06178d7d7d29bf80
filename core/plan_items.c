/* SPDX-License-Identifier: MIT
 *
 * Units and commands of a step: for the plan as of now, and again when the step starts.
 *
 * Words of `items` are split as a shell does, quotes and all; then *, ? and [ decide what is a
 * glob, quoted or not. A file that several globs find is one item; words that stand there twice
 * are two. The cells of a matrix are the outer loop, the source is the inner one.
 */
#include "argv.h"
#include "plan_internal.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_FILE_MAX (64U << 20)

void plan_free_units(struct step *step)
{
    for (size_t i = 0; i < step->n_units; i++) {
        free(step->units[i].item);
        free(step->units[i].label);
        strv_free(&step->units[i].values);
    }
    for (size_t i = 0; i < step->n_commands; i++)
        free(step->commands[i].units);
    free(step->units);
    free(step->commands);
    step->units = NULL;
    step->commands = NULL;
    step->n_units = step->n_commands = 0;
    step->count_all = 0;
}

/* --- sources --- */

/* `seen`: what globs before found, sorted. */
static int add_glob(const struct plan *plan, const char *pattern, struct strv *items,
                    struct strv *seen, char **error)
{
    AUTO_STRV struct strv found = STRV_INIT;
    if (plan_glob(plan->config->dir, pattern, &found, error) < 0)
        return -1;
    size_t before = seen->n;
    for (size_t i = 0; i < found.n; i++) {
        if (before && bsearch(&found.v[i], seen->v, before, sizeof *seen->v, strv_order))
            continue;
        strv_push(items, found.v[i]);
        strv_push(seen, found.v[i]);
    }
    strv_sort(seen);
    return 0;
}

static int find_items(const struct plan *plan, const struct step *step, struct strv *items,
                      char **error)
{
    AUTO_STRV struct strv words = STRV_INIT;
    AUTO_STRV struct strv seen = STRV_INIT;
    const char *fault;
    if (!step->items.text)
        return 0;
    if (argv_split(&words, step->items.text, &fault) < 0) {
        *error = xasprintf("items: %s", fault);
        return -1;
    }
    for (size_t i = 0; i < words.n; i++) {
        if (!plan_is_glob(words.v[i]))
            strv_push(items, words.v[i]);
        else if (add_glob(plan, words.v[i], items, &seen, error) < 0)
            return -1;
    }
    return 0;
}

static void add_line(struct strv *items, const char *line, size_t length)
{
    if (length && line[length - 1] == '\r')
        length--;
    if (length)
        strv_pushn(items, line, length);
}

int plan_read_lines(const char *path, struct strv *lines, char **why)
{
    AUTO_FREE char *text = NULL;
    size_t length;
    if (read_file(path, ITEMS_FILE_MAX, &text, &length) < 0) {
        *why = xasprintf("cannot be read: %s", errno == EINVAL  ? "not a regular file"
                                               : errno == EFBIG ? "longer than 64 MiB"
                                                                : strerror(errno));
        return -1;
    }
    if (memchr(text, '\0', length)) {
        *why = xstrdup("holds NUL bytes");
        return -1;
    }
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        add_line(lines, line, n);
        line += n + (line[n] == '\n');
    }
    return 0;
}

static int read_items(const struct plan *plan, const struct step *step, struct strv *items,
                      char **error)
{
    const char *name = step->items_file.text;
    AUTO_FREE char *path =
        *name == '/' ? xstrdup(name) : xasprintf("%s/%s", plan->config->dir, name);
    AUTO_FREE char *why = NULL;
    if (plan_read_lines(path, items, &why) == 0)
        return 0;
    *error = xasprintf("items_file: %s %s", name, why);
    return -1;
}

/* Items and their number; the number alone where there are none. */
static int gather(const struct plan *plan, const struct step *step, const struct strv *lines,
                  struct strv *items, size_t *n, char **error)
{
    int result = 0;
    switch (step->source) {
    case SOURCE_NONE:
        *n = step->per == PER_COMMAND ? 1 : plan_allowed_slots(plan, step);
        return 0;
    case SOURCE_COUNT:
        *n = step->count;
        return 0;
    case SOURCE_ITEMS:
        result = find_items(plan, step, items, error);
        break;
    case SOURCE_ITEMS_FILE:
        result = step->items_file.text ? read_items(plan, step, items, error) : 0;
        break;
    case SOURCE_ITEMS_FROM:
        for (size_t i = 0; lines && i < lines->n; i++)
            add_line(items, lines->v[i], strlen(lines->v[i]));
        break;
    }
    *n = items->n;
    return result;
}

/* --- units --- */

static char *cell_label(const struct step *step, const struct unit *unit)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < unit->values.n; i++)
        strbuf_addf(&text, "%s%s=%s", i ? " " : "", step->matrix_names.v[i], unit->values.v[i]);
    return strbuf_detach(&text);
}

/* `index`: 1.. within the source. */
static void label_unit(const struct step *step, struct unit *unit, size_t index)
{
    AUTO_FREE char *cell = unit->values.n ? cell_label(step, unit) : NULL;
    if (unit->item)
        unit->label = cell ? xasprintf("%s (%s)", unit->item, cell) : xstrdup(unit->item);
    else if (!cell)
        unit->label = xasprintf("%zu", index);
    else if (step->source == SOURCE_COUNT)
        unit->label = xasprintf("%zu (%s)", index, cell);
    else
        unit->label = xstrdup(cell);
}

static bool selected(const struct step *step, const struct unit *unit)
{
    for (size_t i = 0; i < step->globs.n; i++) {
        if (plan_unit_matches(unit, step->globs.v[i]))
            return true;
    }
    return step->globs.n == 0;
}

static void add_unit(struct step *step, const struct strv *items, const size_t *cell, size_t index,
                     uint32_t number)
{
    struct unit unit = {.number = number};
    if (items->n)
        unit.item = xstrdup(items->v[index]);
    for (size_t i = 0; i < step->n_axes; i++)
        strv_push(&unit.values, step->axes[i].values.v[cell[i]]);
    label_unit(step, &unit, index + 1);
    if (selected(step, &unit)) {
        step->units[step->n_units++] = unit;
        return;
    }
    free(unit.item);
    free(unit.label);
    strv_free(&unit.values);
}

static void make_units(struct step *step, const struct strv *items, size_t n, const size_t *cells,
                       size_t n_cells)
{
    uint32_t number = 0;
    step->units = xcalloc(n * n_cells, sizeof *step->units);
    for (size_t cell = 0; cell < n_cells; cell++) {
        for (size_t i = 0; i < n; i++)
            add_unit(step, items, cells ? cells + cell * step->n_axes : NULL, i, ++number);
    }
    step->count_all = number;
}

static void make_commands(const struct plan *plan, struct step *step)
{
    if (step->batch) {
        step->count_all = 0;
        return;
    }
    step->commands = xcalloc(step->n_units, sizeof *step->commands);
    if (step->split) {
        plan_split(plan, step);
        step->count_all = (uint32_t)step->n_commands;
        return;
    }
    for (size_t i = 0; i < step->n_units; i++)
        plan_add_command(step, step->units[i].number, &i, 1);
}

int plan_step_commands(const struct plan *plan, struct step *step, const struct strv *lines,
                       char **error)
{
    AUTO_STRV struct strv items = STRV_INIT;
    size_t n = 0, n_cells = 0;
    plan_free_units(step);
    *error = NULL;
    if (gather(plan, step, lines, &items, &n, error) < 0)
        return -1;
    AUTO_FREE size_t *cells = plan_cells(step, &n_cells, error);
    if (*error)
        return -1;
    if (n_cells && n > PLAN_UNITS_MAX / n_cells) {
        *error = xasprintf("more than %d items", PLAN_UNITS_MAX);
        return -1;
    }
    make_units(step, &items, n, cells, n_cells);
    make_commands(plan, step);
    return 0;
}

/* --- as of now --- */

static bool has_glob_words(const struct step *step)
{
    return step->source == SOURCE_ITEMS && step->items.text && plan_is_glob(step->items.text);
}

/* A file that a step before may still write is no problem yet. */
static bool may_come(const struct plan *plan, const struct step *step)
{
    if (step->source != SOURCE_ITEMS_FILE || step->n_needs == 0)
        return false;
    const char *name = step->items_file.text;
    AUTO_FREE char *path =
        *name == '/' ? xstrdup(name) : xasprintf("%s/%s", plan->config->dir, name);
    AUTO_FREE char *text = NULL;
    size_t length;
    return read_file(path, 0, &text, &length) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static const struct config_value *source_value(const struct step *step)
{
    static const char *const keys[] = {"count", "items", "items_from", "items_file"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct config_value *value = config_get(step->section, keys[i]);
        if (value)
            return value;
    }
    return NULL;
}

static void check_alone(struct build *b, const struct step *step)
{
    for (size_t i = 0; i < step->run_alone.n && step->split && step->n_units; i++) {
        size_t k = 0;
        while (k < step->n_units && !plan_unit_matches(&step->units[k], step->run_alone.v[i]))
            k++;
        if (k == step->n_units && step->globs.n == 0)
            strv_take(&b->plan->notices, xasprintf("run_alone of step %s: there is no item '%s'",
                                                   step->name, step->run_alone.v[i]));
    }
}

static void preview(struct build *b, struct step *step)
{
    AUTO_FREE char *error = NULL;
    const struct config_value *at = source_value(step);
    step->preview = step->source == SOURCE_ITEMS_FROM || step->source == SOURCE_ITEMS_FILE ||
                    has_glob_words(step);
    if (plan_step_commands(b->plan, step, NULL, &error) == 0)
        check_alone(b, step);
    else if (!may_come(b->plan, step))
        problems_add(b->problems, at ? at->file : step->section->file,
                     at ? at->line : step->section->line, "%s", error);
}

void plan_preview_units(struct build *b)
{
    struct plan *plan = b->plan;
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i].selected)
            preview(b, &plan->steps[i]);
    }
    for (size_t i = 0; i < plan->n_cleanups; i++) {
        if (plan->cleanups[i].selected)
            preview(b, &plan->cleanups[i]);
    }
}
