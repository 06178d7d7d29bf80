/* SPDX-License-Identifier: MIT */
#include "resume.h"
#include "event.h"
#include "journal.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct resume_entry {
    uint64_t hash; /* of step, key and unit */
    char *log_out;
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
    /* The NUL belongs to it, so that "a","bc" and "ab","c" differ; an absent text differs from "". */
    return text ? hash_bytes(hash, text, strlen(text) + 1) : hash_bytes(hash, "\x01", 1);
}

static uint64_t hash_use(uint64_t hash, const struct plan *plan, const struct step *step,
                         const struct plugin *plugin)
{
    hash = hash_text(hash, plugin->table.name);
    hash = hash_text(hash, plugin->table.version);
    for (size_t i = 0; plugin->options[i]; i++) {
        const char *name = plugin->options[i]->name;
        const struct config_value *value =
            plan_option(plan, step, NULL, plugin->table.name, name);
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

static uint64_t hash_unit(const char *step, uint64_t key, const char *item, uint32_t number)
{
    uint64_t hash = hash_bytes(hash_text(HASH_START, step), &key, sizeof key);
    if (item)
        return hash_text(hash, item);
    return hash_bytes(hash, &number, sizeof number);
}

/* What the journal calls the unit: see launch.c. */
static const char *unit_name(const struct step *step, const struct unit *unit)
{
    return step->n_axes ? unit->label : unit->item;
}

static void add(struct resume *resume, uint64_t hash, const char *log_out)
{
    ARRAY_GROW(resume->entries, resume->n, resume->alloc);
    resume->entries[resume->n++] =
        (struct resume_entry){.hash = hash, .log_out = log_out ? xstrdup(log_out) : NULL};
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
    const struct ciplug_result *result = event->result;
    if (result->outcome != CIPLUG_PASSED && !(result->flags & CIPLUG_FLAG_CARRIED))
        return;
    for (size_t i = 0; command->items && command->items[i]; i++) {
        bool alone = !command->items[1];
        add(resume, hash_unit(command->step, extra->key, command->items[i], 0),
            alone ? result->log_out : NULL);
    }
    if (!command->items)
        add(resume, hash_unit(command->step, extra->key, command->item, command->number),
            result->log_out);
}

static int compare(const void *left, const void *right)
{
    const struct resume_entry *a = left, *b = right;
    return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static const struct resume_entry *find(const struct resume *resume, const struct plan *plan,
                                       const struct step *step, size_t unit)
{
    const struct unit *u = &step->units[unit];
    struct resume_entry wanted = {
        .hash = hash_unit(step->name, resume_key(plan, step), unit_name(step, u), u->number)};
    if (resume->n == 0)
        return NULL;
    return bsearch(&wanted, resume->entries, resume->n, sizeof wanted, compare);
}

static bool all_passed(const struct resume *resume, const struct plan *plan,
                       const struct step *step)
{
    /* Where the items come from a step before, they are not known yet: it may have work. */
    if (step->source == SOURCE_ITEMS_FROM)
        return false;
    for (size_t i = 0; i < step->n_units; i++) {
        if (!find(resume, plan, step, i))
            return false;
    }
    return true;
}

/* Steps come after what they need in no particular order of the file, so walk until nothing changes;
 * few rounds, since files are mostly written in order. */
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

bool resume_passed(const struct resume *resume, const struct plan *plan, const struct step *step,
                   size_t unit, const char **log_out)
{
    *log_out = NULL;
    if (step->cleanup || (step->rerun && resume->again[step->index]))
        return false;
    const struct resume_entry *entry = find(resume, plan, step, unit);
    if (!entry)
        return false;
    *log_out = entry->log_out;
    return true;
}
