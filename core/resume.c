/* SPDX-License-Identifier: MIT */
#include "resume.h"
#include "event.h"
#include "journal.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_text(uint64_t hash, const char *text)
{
    /* The NUL belongs to it, so that "a","bc" and "ab","c" differ; an absent text differs from "".
     */
    return text ? hash_bytes(hash, text, strlen(text) + 1) : hash_bytes(hash, "\x01", 1);
}

static uint64_t hash_use(uint64_t hash, const struct plan *plan, const struct step *step,
                         const struct plugin *plugin)
{
    hash = hash_text(hash, plugin->table.name);
    hash = hash_text(hash, plugin->table.version);
    for (size_t i = 0; plugin->options[i]; i++) {
        const char *name = plugin->options[i]->name;
        const struct config_value *value = plan_option(plan, step, NULL, plugin->table.name, name);
        hash = hash_text(hash_text(hash, name), value ? value->value : NULL);
    }
    return hash;
}

uint64_t resume_key(const struct plan *plan, const struct step *step)
{
    uint64_t hash = hash_text(HASH_START, step->name);
    hash = hash_text(hash, step->command.text);
    for (size_t i = 0; i < step->shell.n; i++)
        hash = hash_text(hash, step->shell.v[i]);
    for (size_t i = 0; i < step->n_uses; i++) {
        hash = hash_text(hash, step->uses[i].name);
        hash = hash_use(hash, plan, step, step->uses[i].plugin);
    }
    struct plugin *shell = plugins_find(plan->plugins, "shell");
    if (step->command.text && shell)
        hash = hash_use(hash, plan, step, shell);
    for (size_t i = 0; i < step->n_env; i++)
        hash = hash_text(hash, step->env[i].text);
    hash = hash_text(hash, step->cwd.text);
    return hash_text(hash, step->stdin_file.text);
}

static uint64_t hash_unit(const char *step, uint64_t key, const char *name)
{
    return hash_text(hash_bytes(hash_text(HASH_START, step), &key, sizeof key), name);
}

/* What the journal calls the unit: see launch.c. */
static const char *unit_name(const struct step *step, const struct unit *unit)
{
    return unit->item && !step->n_axes ? unit->item : unit->label;
}

static void add(struct resume *resume, uint64_t hash, const struct ciplug_result *result,
                bool alone)
{
    bool passed = result->outcome == CIPLUG_PASSED || (result->flags & CIPLUG_FLAG_CARRIED);
    const char *log_out = alone && passed ? result->log_out : NULL;
    ARRAY_GROW(resume->entries, resume->n, resume->alloc);
    resume->entries[resume->n++] = (struct resume_entry){
        .hash = hash, .failed = !passed, .log_out = log_out ? xstrdup(log_out) : NULL};
}

static void on_event(void *data, const struct ciplug_event *event,
                     const struct journal_extra *extra)
{
    struct resume *resume = data;
    if (event->run && !resume->run[0])
        memcpy(resume->run, event->run, strnlen(event->run, sizeof resume->run - 1));
    if (event->kind != CIPLUG_COMMAND_FINISHED || !event->result->final || !extra || event->cleanup)
        return;
    const struct ciplug_command *command = event->command;
    for (size_t i = 0; command->items && command->items[i]; i++) {
        add(resume, hash_unit(command->step, extra->key, command->items[i]), event->result,
            !command->items[1]);
    }
    if (command->items)
        return;
    char number[12];
    snprintf(number, sizeof number, "%u", (unsigned)command->number);
    add(resume, hash_unit(command->step, extra->key, command->item ? command->item : number),
        event->result, true);
}

static int compare(const void *left, const void *right)
{
    const struct resume_entry *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (int)b->failed - (int)a->failed;
}

/* The first entry with this hash, or NULL. */
static const struct resume_entry *find(const struct resume *resume, uint64_t hash)
{
    size_t low = 0, high = resume->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (resume->entries[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < resume->n && resume->entries[low].hash == hash ? &resume->entries[low] : NULL;
}

struct ranked {
    uint64_t hash;
    size_t unit;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

/* An item may stand in a step twice: as many of that name are left out as passed, and none when one
 * of them did not. */
static const struct resume_entry *match(const struct resume *resume, const struct ranked *first,
                                        size_t rank)
{
    const struct resume_entry *entry = find(resume, first->hash);
    if (!entry || entry->failed)
        return NULL;
    const struct resume_entry *end = resume->entries + resume->n;
    if (rank >= (size_t)(end - entry) || entry[rank].hash != first->hash)
        return NULL;
    return &entry[rank];
}

void resume_units(const struct resume *resume, const struct plan *plan, const struct step *step,
                  const struct resume_entry **passed)
{
    uint64_t key = resume_key(plan, step);
    AUTO_FREE struct ranked *ranked = xcalloc(step->n_units, sizeof *ranked);
    for (size_t i = 0; i < step->n_units; i++)
        ranked[i] =
            (struct ranked){hash_unit(step->name, key, unit_name(step, &step->units[i])), i};
    qsort(ranked, step->n_units, sizeof *ranked, compare_ranked);
    bool left_out = !step->cleanup && !(step->rerun && resume->again[step->index]);
    size_t first = 0;
    for (size_t i = 0; i < step->n_units; i++) {
        if (ranked[i].hash != ranked[first].hash)
            first = i;
        passed[ranked[i].unit] = left_out ? match(resume, &ranked[first], i - first) : NULL;
    }
}

static bool all_passed(const struct resume *resume, const struct plan *plan,
                       const struct step *step)
{
    /* Where the items come from a step before, they are not known yet: it may have work. */
    if (step->source == SOURCE_ITEMS_FROM)
        return false;
    AUTO_FREE const struct resume_entry **passed = xcalloc(step->n_units, sizeof *passed);
    resume_units(resume, plan, step, passed);
    for (size_t i = 0; i < step->n_units; i++) {
        if (!passed[i])
            return false;
    }
    return true;
}

/* Steps come after what they need in no particular order of the file, so walk until nothing
 * changes; few rounds, since files are mostly written in order. */
static void mark_again(struct resume *resume, const struct plan *plan)
{
    bool *busy = xcalloc(plan->n_steps, sizeof *busy);
    for (size_t i = 0; i < plan->n_steps; i++)
        busy[i] = plan->steps[i].selected && !all_passed(resume, plan, &plan->steps[i]);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = plan->n_steps; i-- > 0;) {
            const struct step *step = &plan->steps[i];
            for (size_t k = 0; busy[i] && k < step->n_needs; k++) {
                size_t need = step->needs[k];
                changed |= !busy[need];
                busy[need] = true;
                resume->again[need] = true;
            }
        }
    }
    free(busy);
}

int resume_load(struct resume *resume, const struct plan *plan, const char *run_dir)
{
    *resume = (struct resume){.again = xcalloc(plan->n_steps, sizeof *resume->again)};
    struct journal_reader reader = {.event = on_event, .data = resume};
    uint64_t good;
    if (journal_replay(run_dir, &reader, &good) < 0) {
        msg(MSG_ERROR, "cannot read the journal of %s: %s", run_dir, strerror(errno));
        return -1;
    }
    if (resume->n)
        qsort(resume->entries, resume->n, sizeof *resume->entries, compare);
    mark_again(resume, plan);
    return 0;
}

void resume_free(struct resume *resume)
{
    for (size_t i = 0; i < resume->n; i++)
        free(resume->entries[i].log_out);
    free(resume->entries);
    free(resume->again);
}
