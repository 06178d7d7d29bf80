/* SPDX-License-Identifier: MIT
 *
 * matrix.NAME and matrix_exclude -> cells. The first axis varies slowest.
 */
#include "argv.h"
#include "plan_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define ANY SIZE_MAX

static const char *const placeholders[] = {"item", "items", "number",  "count",   "worker", "host",
                                           "step", "run",   "attempt", "project", "env",    NULL};

static bool name_ok(struct build *b, const struct config_value *value, const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (!*name || name[strspn(name, letters)] || (*name >= '0' && *name <= '9') || *name == '-') {
        plan_complain(b, value,
                      "'%s': a matrix name is made of letters, digits, _ and -, and starts with a "
                      "letter",
                      value->key);
        return false;
    }
    for (size_t i = 0; placeholders[i]; i++) {
        if (strcmp(name, placeholders[i]) == 0) {
            plan_complain(b, value, "'%s': {%s} has a meaning already; take another name",
                          value->key, name);
            return false;
        }
    }
    return true;
}

static struct axis *find_axis(const struct step *step, const char *name)
{
    for (size_t i = 0; i < step->n_axes; i++) {
        if (strcmp(step->axes[i].name, name) == 0)
            return &step->axes[i];
    }
    return NULL;
}

static struct axis *add_axis(struct step *step, const char *name)
{
    step->axes = xrealloc(step->axes, (step->n_axes + 1) * sizeof *step->axes);
    struct axis *axis = &step->axes[step->n_axes++];
    *axis = (struct axis){.name = xstrdup(name)};
    strv_push(&step->matrix_names, name);
    return axis;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void check_values(struct build *b, const struct config_value *value, const struct axis *axis)
{
    size_t n = axis->values.n;
    if (n == 0) {
        plan_complain(b, value, "'%s' has no values", value->key);
        return;
    }
    AUTO_FREE char **sorted = xmemdup(axis->values.v, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            plan_complain(b, value, "'%s' has the value '%s' twice", value->key, sorted[i]);
    }
}

static void read_axis(struct build *b, struct step *step, const struct config_value *value)
{
    const char *name = value->key + strlen("matrix.");
    const char *error;
    if (!name_ok(b, value, name))
        return;
    struct axis *axis = find_axis(step, name);
    if (!axis)
        axis = add_axis(step, name);
    strv_clear(&axis->values);
    if (argv_split(&axis->values, value->value, &error) < 0)
        plan_complain(b, value, "'%s': %s", value->key, error);
    else
        check_values(b, value, axis);
}

static void read_axes(struct build *b, struct step *step, const struct config_section *section)
{
    for (size_t i = 0; i < section->n; i++) {
        if (str_starts(section->values[i].key, "matrix."))
            read_axis(b, step, &section->values[i]);
    }
}

static void split_lines(struct strv *lines, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (strspn(text, " \t\r") < n)
            strv_pushn(lines, text, n);
        text += n;
        text += *text == '\n';
    }
}

static size_t axis_index(const struct step *step, const char *pair)
{
    size_t length = strcspn(pair, "=");
    for (size_t i = 0; i < step->n_axes; i++) {
        const char *name = step->axes[i].name;
        if (strlen(name) == length && strncmp(name, pair, length) == 0)
            return i;
    }
    return ANY;
}

static size_t value_index(const struct axis *axis, const char *value)
{
    for (size_t i = 0; i < axis->values.n; i++) {
        if (strcmp(axis->values.v[i], value) == 0)
            return i;
    }
    return ANY;
}

static void check_pair(struct build *b, const struct step *step, const struct config_value *value,
                       const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (!equals) {
        plan_complain(b, value, "matrix_exclude: '%s' is not of the form NAME=VALUE", pair);
        return;
    }
    size_t at = axis_index(step, pair);
    if (at == ANY) {
        AUTO_FREE char *name = xstrndup(pair, (size_t)(equals - pair));
        AUTO_FREE char *hint = plan_hint(name, &step->matrix_names);
        plan_complain(b, value, "matrix_exclude: there is no 'matrix.%s'%s", name, hint);
    } else if (value_index(&step->axes[at], equals + 1) == ANY) {
        AUTO_FREE char *hint = plan_hint(equals + 1, &step->axes[at].values);
        plan_complain(b, value, "matrix_exclude: '%s' is no value of 'matrix.%s'%s", equals + 1,
                      step->axes[at].name, hint);
    }
}

static void read_exclude(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "matrix_exclude");
    if (!value || step->n_axes == 0)
        return;
    split_lines(&step->matrix_exclude, value->value);
    for (size_t i = 0; i < step->matrix_exclude.n; i++) {
        AUTO_STRV struct strv pairs = STRV_INIT;
        const char *error;
        if (argv_split(&pairs, step->matrix_exclude.v[i], &error) < 0)
            plan_complain(b, value, "matrix_exclude: %s", error);
        for (size_t k = 0; k < pairs.n; k++)
            check_pair(b, step, value, pairs.v[k]);
    }
}

static bool cells_countable(const struct step *step)
{
    size_t n = 1;
    for (size_t i = 0; i < step->n_axes && n > 0; i++) {
        size_t values = step->axes[i].values.n;
        if (values > PLAN_UNITS_MAX / n)
            return false;
        n *= values;
    }
    return true;
}

void plan_read_matrix(struct build *b, struct step *step)
{
    if (b->run)
        read_axes(b, step, b->run);
    read_axes(b, step, step->section);
    read_exclude(b, step);
    for (size_t i = 0; i < step->n_axes; i++) {
        if (!strv_has(&b->axis_names, step->axes[i].name))
            strv_push(&b->axis_names, step->axes[i].name);
    }
    if (!cells_countable(step)) {
        AUTO_FREE char *title = plan_step_title(step);
        problems_add(b->problems, step->section->file, step->section->line,
                     "the matrix of %s has more than %d cells", title, PLAN_UNITS_MAX);
    }
}

/* One row of n_axes for each exclusion: the index of the value that it wants, or ANY. */
static size_t *exclusions(const struct step *step)
{
    size_t *rows = xcalloc(step->matrix_exclude.n * step->n_axes, sizeof *rows);
    for (size_t i = 0; i < step->matrix_exclude.n; i++) {
        AUTO_STRV struct strv pairs = STRV_INIT;
        const char *error;
        size_t *row = rows + i * step->n_axes;
        for (size_t k = 0; k < step->n_axes; k++)
            row[k] = ANY;
        (void)argv_split(&pairs, step->matrix_exclude.v[i], &error);
        for (size_t k = 0; k < pairs.n; k++) {
            size_t at = axis_index(step, pairs.v[k]);
            const char *equals = strchr(pairs.v[k], '=');
            if (at != ANY && equals)
                row[at] = value_index(&step->axes[at], equals + 1);
        }
    }
    return rows;
}

static bool excluded(const struct step *step, const size_t *rows, const size_t *cell)
{
    for (size_t i = 0; i < step->matrix_exclude.n; i++) {
        const size_t *row = rows + i * step->n_axes;
        size_t k = 0;
        while (k < step->n_axes && (row[k] == ANY || row[k] == cell[k]))
            k++;
        if (k == step->n_axes)
            return true;
    }
    return false;
}

/* Count on, the last digit first; false when all cells were there. */
static bool next_cell(const struct step *step, size_t *cell)
{
    for (size_t k = step->n_axes; k-- > 0;) {
        if (++cell[k] < step->axes[k].values.n)
            return true;
        cell[k] = 0;
    }
    return false;
}

static bool axis_empty(const struct step *step)
{
    for (size_t i = 0; i < step->n_axes; i++) {
        if (step->axes[i].values.n == 0)
            return true;
    }
    return false;
}

size_t *plan_cells(const struct step *step, size_t *n, char **error)
{
    *n = step->n_axes ? 0 : 1;
    if (!step->n_axes || axis_empty(step))
        return NULL;
    if (!cells_countable(step)) {
        *error = xasprintf("the matrix has more than %d cells", PLAN_UNITS_MAX);
        return NULL;
    }
    AUTO_FREE size_t *rows = exclusions(step);
    AUTO_FREE size_t *cell = xcalloc(step->n_axes, sizeof *cell);
    size_t *cells = NULL;
    size_t alloc = 0;
    do {
        if (excluded(step, rows, cell))
            continue;
        ARRAY_GROW(cells, (*n + 1) * step->n_axes, alloc);
        memcpy(cells + *n * step->n_axes, cell, step->n_axes * sizeof *cell);
        ++*n;
    } while (next_cell(step, cell));
    return cells;
}
