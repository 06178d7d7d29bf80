/* SPDX-License-Identifier: MIT */
#include "verb_list.h"
#include "base64.h"
#include "harmless.h"
#include "msg.h"
#include "output.h"
#include "util.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* --- text --- */

#define COLUMNS 5

/* "1-3 5": slot numbers that the step may use. */
static void add_slots(struct strbuf *out, const struct plan *plan, const struct step *step)
{
    size_t start = out->len;
    for (uint32_t slot = 1; slot <= plan->n_slots; slot++) {
        if (!plan_slot_allowed(plan, step, slot))
            continue;
        uint32_t last = slot;
        while (last < plan->n_slots && plan_slot_allowed(plan, step, last + 1))
            last++;
        strbuf_addf(out, "%s%u", out->len > start ? " " : "", slot);
        if (last > slot)
            strbuf_addf(out, "-%u", last);
        slot = last;
    }
}

static void add_workers(struct strbuf *out, const struct plan *plan, const struct step *step)
{
    const struct range *range = &step->workers;
    if (step->per == PER_COMMAND && range->given && range->plain)
        strbuf_addf(out, "%u of ", plan_step_slots(plan, step));
    add_slots(out, plan, step);
    if (step->per != PER_COMMAND)
        strbuf_addf(out, " (each %s)", step->per == PER_WORKER ? "worker" : "host");
    if (step->weight > 1)
        strbuf_addf(out, " x%u", step->weight);
}

static const char *plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void add_commands(struct strbuf *out, const struct step *step)
{
    bool items = step->source != SOURCE_NONE && step->source != SOURCE_COUNT;
    if (step->source == SOURCE_ITEMS_FROM) {
        strbuf_addstr(out, "lines of a step");
    } else if (items) {
        strbuf_addf(out, "%zu %s%s", step->n_units, plural(step->n_units, "item", "items"),
                    step->preview ? " now" : "");
    } else {
        strbuf_addf(out, "%zu", step->n_units);
    }
    if (step->split && step->source != SOURCE_ITEMS_FROM)
        strbuf_addf(out, " in %zu %s", step->n_commands,
                    plural(step->n_commands, "group", "groups"));
    else if (step->split)
        strbuf_addf(out, " in %u groups", step->split);
    if (step->batch == UINT32_MAX)
        strbuf_addstr(out, " in batches");
    else if (step->batch)
        strbuf_addf(out, ", %u a batch", step->batch);
}

static void add_needs(struct strbuf *out, const struct plan *plan, const struct step *step)
{
    for (size_t i = 0; i < step->n_needs; i++)
        strbuf_addf(out, "%s%s", i ? " " : "", plan->steps[step->needs[i]].name);
    if (step->n_needs == 0)
        strbuf_addch(out, '-');
}

static void add_uses(struct strbuf *out, const struct step *step)
{
    for (size_t i = 0; i < step->n_uses; i++)
        strbuf_addf(out, "%s%s", i ? " " : "", step->uses[i].name);
}

struct row {
    struct strbuf cells[COLUMNS];
    const struct step *step; /* NULL: the head */
};

static void fill_row(struct row *row, const struct plan *plan, const struct step *step)
{
    static const char *const when[] = {"", " on success", " on failure"};
    row->step = step;
    strbuf_addf(&row->cells[0], "%s%s", step->name, when[step->when]);
    add_needs(&row->cells[1], plan, step);
    add_commands(&row->cells[2], step);
    add_workers(&row->cells[3], plan, step);
    add_uses(&row->cells[4], step);
}

static void add_row(struct strbuf *out, const struct row *row, const size_t *widths)
{
    size_t start = out->len;
    for (size_t k = 0; k < COLUMNS; k++)
        strbuf_addf(out, "%-*s  ", (int)widths[k], strbuf_text(&row->cells[k]));
    while (out->len > start && out->buf[out->len - 1] == ' ')
        strbuf_cut(out, out->len - 1);
    strbuf_addch(out, '\n');
}

static void add_labels(struct strbuf *out, const struct step *step)
{
    for (size_t i = 0; i < step->n_commands; i++) {
        const struct planned *command = &step->commands[i];
        strbuf_addf(out, "    %u", command->number);
        for (size_t k = 0; k < command->n; k++) {
            const struct unit *unit = &step->units[command->units[k]];
            /* The number says it all where there is neither item nor matrix. */
            if (!unit->item && !unit->values.n)
                continue;
            strbuf_addstr(out, k ? ", " : "  ");
            harmless_name(out, unit->label, INT_MAX);
        }
        strbuf_addch(out, '\n');
    }
    for (size_t i = 0; step->batch && i < step->n_units; i++) {
        strbuf_addstr(out, "    ");
        harmless_name(out, step->units[i].label, INT_MAX);
        strbuf_addch(out, '\n');
    }
}

/* The columns of a table; one very long list of needs does not move all the others. */
static void measure(const struct row *rows, size_t n, size_t *widths)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < COLUMNS; k++) {
            size_t length = rows[i].cells[k].len;
            if (length > widths[k] && length <= 40)
                widths[k] = length;
        }
    }
}

static size_t add_rows(struct row *rows, const struct plan *plan, const struct step *steps,
                       size_t n_steps)
{
    size_t n = 0;
    for (size_t i = 0; i < n_steps; i++) {
        if (steps[i].selected)
            fill_row(&rows[n++], plan, &steps[i]);
    }
    return n;
}

static void add_table(struct strbuf *out, const struct plan *plan, bool cleanup, bool labels)
{
    static const char *const head[] = {"NEEDS", "COMMANDS", "WORKERS", "USES"};
    size_t n_steps = cleanup ? plan->n_cleanups : plan->n_steps;
    AUTO_FREE struct row *rows = xcalloc(n_steps + 1, sizeof *rows);
    size_t widths[COLUMNS] = {0};
    strbuf_addstr(&rows[0].cells[0], cleanup ? "CLEANUP" : "STEP");
    for (size_t k = 1; k < COLUMNS; k++)
        strbuf_addstr(&rows[0].cells[k], head[k - 1]);
    size_t n = 1 + add_rows(rows + 1, plan, cleanup ? plan->cleanups : plan->steps, n_steps);
    measure(rows, n, widths);
    for (size_t i = 0; i < n; i++) {
        if (n > 1)
            add_row(out, &rows[i], widths);
        if (labels && rows[i].step)
            add_labels(out, rows[i].step);
        for (size_t k = 0; k < COLUMNS; k++)
            strbuf_free(&rows[i].cells[k]);
    }
    if (n > 1)
        strbuf_addch(out, '\n');
}

static void add_hosts(struct strbuf *out, const struct plan *plan)
{
    strbuf_addstr(out, "SLOTS      HOST\n");
    for (size_t i = 0; i < plan->n_hosts; i++) {
        const struct host *host = &plan->hosts[i];
        uint32_t last = host->first + host->slots - 1;
        AUTO_FREE char *slots = last > host->first ? xasprintf("%u-%u", host->first, last)
                                                   : xasprintf("%u", host->first);
        strbuf_addf(out, "%-9s  %s\n", slots, host->name);
    }
}

static char *as_text(const struct plan *plan, int verbosity)
{
    struct strbuf out = STRBUF_INIT;
    add_table(&out, plan, false, verbosity > 0);
    add_table(&out, plan, true, verbosity > 0);
    add_hosts(&out, plan);
    return strbuf_detach(&out);
}

/* --- JSON --- */

/* jansson says NULL or -1 only when memory is gone. */
static json_t *made(json_t *json)
{
    if (!json) {
        msg(MSG_ERROR, "out of memory");
        exit(3);
    }
    return json;
}

static void put(json_t *object, const char *name, json_t *value)
{
    made(json_object_set_new(object, name, made(value)) < 0 ? NULL : object);
}

static void push(json_t *array, json_t *value)
{
    made(json_array_append_new(array, made(value)) < 0 ? NULL : array);
}

static void put_text(json_t *object, const char *name, const char *text)
{
    if (utf8_valid(text, strlen(text))) {
        put(object, name, json_string(text));
        return;
    }
    AUTO_FREE char *key = xasprintf("%s_base64", name);
    AUTO_STRBUF struct strbuf encoded = STRBUF_INIT;
    base64_encode(&encoded, text, strlen(text));
    put(object, key, json_string(strbuf_text(&encoded)));
}

static json_t *matrix_json(const struct step *step, const struct unit *unit)
{
    json_t *object = made(json_object());
    for (size_t i = 0; i < unit->values.n; i++)
        put_text(object, step->matrix_names.v[i], unit->values.v[i]);
    return object;
}

static json_t *command_json(const struct step *step, uint32_t number, const size_t *units, size_t n)
{
    const struct unit *first = &step->units[units[0]];
    json_t *object = made(json_object());
    put(object, "number", json_integer(number));
    if (n == 1)
        put_text(object, "label", first->label);
    if (n == 1 && !step->split && first->item)
        put_text(object, "item", first->item);
    if (step->split) {
        json_t *items = made(json_array());
        for (size_t i = 0; i < n; i++) {
            json_t *entry = made(json_object());
            put_text(entry, "item", step->units[units[i]].item);
            /* A list of plain strings, but for what cannot be one. */
            json_t *plain = json_object_get(entry, "item");
            push(items, plain ? json_incref(plain) : json_incref(entry));
            json_decref(entry);
        }
        put(object, "items", items);
    }
    if (first->values.n)
        put(object, "matrix", matrix_json(step, first));
    return object;
}

static json_t *commands_json(const struct step *step)
{
    json_t *array = made(json_array());
    for (size_t i = 0; i < step->n_commands; i++) {
        const struct planned *command = &step->commands[i];
        push(array, command_json(step, command->number, command->units, command->n));
    }
    for (size_t i = 0; step->batch && i < step->n_units; i++)
        push(array, command_json(step, step->units[i].number, &i, 1));
    return array;
}

static json_t *workers_json(const struct plan *plan, const struct step *step)
{
    json_t *array = made(json_array());
    for (uint32_t slot = 1; slot <= plan->n_slots; slot++) {
        if (plan_slot_allowed(plan, step, slot))
            push(array, json_integer(slot));
    }
    return array;
}

static json_t *step_json(const struct plan *plan, const struct step *step)
{
    static const char *const sources[] = {"none", "count", "items", "items_from", "items_file"};
    static const char *const when[] = {"always", "success", "failure"};
    json_t *object = made(json_object()), *needs = made(json_array()), *uses = made(json_array());
    put(object, "name", json_string(step->name));
    for (size_t i = 0; i < step->n_needs; i++)
        push(needs, json_string(plan->steps[step->needs[i]].name));
    put(object, "needs", needs);
    for (size_t i = 0; i < step->n_uses; i++)
        push(uses, json_string(step->uses[i].name));
    put(object, "uses", uses);
    if (step->per != PER_COMMAND)
        put(object, "per", json_string(step->per == PER_WORKER ? "worker" : "host"));
    if (step->cleanup)
        put(object, "when", json_string(when[step->when]));
    put(object, "source", json_string(sources[step->source]));
    put(object, "preview", json_boolean(step->preview));
    put(object, "workers", workers_json(plan, step));
    put(object, "at_once", json_integer(plan_step_slots(plan, step)));
    put(object, "weight", json_integer(step->weight));
    if (step->split)
        put(object, "split", json_integer(step->split));
    if (step->batch)
        put(object, "batch",
            step->batch == UINT32_MAX ? json_string("auto") : json_integer(step->batch));
    put(object, "units", json_integer((json_int_t)step->n_units));
    put(object, "commands", commands_json(step));
    return object;
}

static json_t *steps_json(const struct plan *plan, const struct step *steps, size_t n)
{
    json_t *array = made(json_array());
    for (size_t i = 0; i < n; i++) {
        if (steps[i].selected)
            push(array, step_json(plan, &steps[i]));
    }
    return array;
}

static json_t *slots_json(const struct plan *plan)
{
    json_t *array = made(json_array());
    for (uint32_t slot = 1; slot <= plan->n_slots; slot++) {
        json_t *object = made(json_object());
        put(object, "worker", json_integer(slot));
        put(object, "host", json_string(plan_slot_host(plan, slot)->name));
        push(array, object);
    }
    return array;
}

static char *as_json(const struct plan *plan)
{
    json_t *object = made(json_object());
    put_text(object, "name", plan->name);
    put(object, "steps", steps_json(plan, plan->steps, plan->n_steps));
    put(object, "cleanups", steps_json(plan, plan->cleanups, plan->n_cleanups));
    put(object, "slots", slots_json(plan));
    char *dump = json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(object);
    if (!dump)
        made(NULL);
    char *text = xasprintf("%s\n", dump);
    free(dump);
    return text;
}

int verb_list(const struct plan *plan, bool json, int verbosity)
{
    AUTO_FREE char *text = json ? as_json(plan) : as_text(plan, verbosity);
    for (size_t i = 0; i < plan->notices.n; i++)
        msg(MSG_NOTICE, "%s", plan->notices.v[i]);
    if (write_all(output_fd(), text, strlen(text)) == 0 || errno == EPIPE)
        return 0;
    msg(MSG_ERROR, "cannot write to standard output: %s", strerror(errno));
    return 3;
}
