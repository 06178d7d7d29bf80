/* SPDX-License-Identifier: MIT */
#include "resume.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- a unit and the command it was in --- */

struct named {
    uint64_t unit;
    size_t index;
};

static int by_unit(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    if (a->unit != b->unit)
        return a->unit < b->unit ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int by_number(const void *left, const void *right)
{
    const struct resume_command *a = *(const struct resume_command *const *)left;
    const struct resume_command *b = *(const struct resume_command *const *)right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* What the journal calls the unit: see launch.c. */
static const char *unit_name(const struct step *step, const struct unit *unit)
{
    return unit->item && !step->n_axes ? unit->item : unit->label;
}

/* The first entry of the unit, or the one that would stand behind it. */
static size_t find(const struct resume *resume, uint64_t unit)
{
    size_t low = 0, high = resume->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (resume->entries[middle].unit < unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool key_fits(const struct resume *resume, const struct plan *plan, const struct step *step,
                     size_t unit, uint64_t key)
{
    if (!SAFEGUARD(resume_key))
        return true;
    if (step->per != PER_COMMAND) {
        uint32_t slot = plan_nth_slot(plan, step, step->units[unit].number - 1);
        return slot && resume_key(plan, resume->keys, step, slot) == key;
    }
    for (size_t i = 0; i < step->hosts.n; i++) {
        if (resume->keys[step->index * plan->n_hosts + step->on_hosts[i]] == key)
            return true;
    }
    return false;
}

/* Verdicts for `n` units of one name, found at `named`. Where there are more, the bad ones count:
 * an item that stands there twice and passed once runs once. */
static size_t pick(const struct resume *resume, const struct plan *plan, const struct step *step,
                   const struct named *named, size_t n, const struct resume_command **picked)
{
    size_t found = 0;
    for (size_t at = find(resume, named->unit);
         at < resume->n && resume->entries[at].unit == named->unit && found < n; at++) {
        const struct resume_command *command = &resume->commands[resume->entries[at].command];
        if (key_fits(resume, plan, step, named->index, command->key))
            picked[found++] = command;
    }
    if (found > 1)
        qsort(picked, found, sizeof *picked, by_number);
    return found;
}

/* Numbers that are the same meet first. */
static void pair(const struct step *step, const struct named *named, size_t n,
                 const struct resume_command **picked, size_t n_picked,
                 struct resume_choice *choices)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t number = step->units[named[i].index].number;
        while (at < n_picked && picked[at]->number < number)
            at++;
        if (at < n_picked && picked[at]->number == number) {
            choices[named[i].index].command = picked[at];
            picked[at++] = NULL;
        }
    }
    at = 0;
    for (size_t i = 0; i < n; i++) {
        while (at < n_picked && !picked[at])
            at++;
        if (at < n_picked && !choices[named[i].index].command)
            choices[named[i].index].command = picked[at++];
    }
}

static void match(const struct resume *resume, const struct plan *plan, const struct step *step,
                  struct resume_choice *choices)
{
    AUTO_FREE struct named *named = xcalloc(step->n_units, sizeof *named);
    AUTO_FREE const struct resume_command **picked = xcalloc(step->n_units, sizeof *picked);
    for (size_t i = 0; i < step->n_units; i++)
        named[i] = (struct named){resume_unit(step->name, unit_name(step, &step->units[i])), i};
    if (step->n_units)
        qsort(named, step->n_units, sizeof *named, by_unit);
    for (size_t i = 0, n; i < step->n_units; i += n) {
        for (n = 1; i + n < step->n_units && named[i + n].unit == named[i].unit;)
            n++;
        size_t found = pick(resume, plan, step, &named[i], n, picked);
        pair(step, &named[i], n, picked, found, choices);
    }
}

/* --- what is left out --- */

bool resume_is_source(const struct plan *plan, const struct step *step)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct step *user = &plan->steps[i];
        if (user->selected && user->source == SOURCE_ITEMS_FROM && !step->cleanup &&
            user->items_from == step->index)
            return true;
    }
    return false;
}

static bool log_is_whole(const struct resume_command *command)
{
    struct stat st;
    if (!SAFEGUARD(resume_log))
        return true;
    return command->log_out && lstat(command->log_out, &st) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == command->bytes;
}

/* What a step printed is read as a whole: a command whose log is gone runs again, and so does one
 * that printed for units which are here no more. */
static void uncarry_silent(const struct resume *resume, const struct step *step,
                           struct resume_choice *choices)
{
    bool grouped = step->split || step->batch;
    AUTO_FREE size_t *seen = xcalloc(resume->n_commands, sizeof *seen);
    for (size_t i = 0; i < step->n_units; i++) {
        if (choices[i].carried)
            seen[choices[i].command - resume->commands]++;
    }
    for (size_t i = 0; i < step->n_units; i++) {
        const struct resume_command *command = choices[i].command;
        if (!choices[i].carried)
            continue;
        choices[i].carried = seen[command - resume->commands] == command->n_all &&
                             (grouped || command->n_all == 1) && log_is_whole(command);
    }
}

struct resume_choice *resume_choose(const struct resume *resume, const struct plan *plan,
                                    const struct step *step)
{
    struct resume_choice *choices = xcalloc(step->n_units, sizeof *choices);
    if (step->cleanup)
        return choices;
    match(resume, plan, step, choices);
    bool again = step->rerun && resume->again[step->index];
    for (size_t i = 0; i < step->n_units; i++) {
        const struct resume_command *command = choices[i].command;
        bool passed = command && (command->state == RESUME_PASSED || !SAFEGUARD(resume_verdict));
        choices[i].carried = passed && !again;
    }
    if (resume_is_source(plan, step))
        uncarry_silent(resume, step, choices);
    return choices;
}

void resume_choices_free(struct resume_choice *choices, size_t n)
{
    for (size_t i = 0; choices && i < n; i++)
        free(choices[i].log_out);
    free(choices);
}

/* --- groups --- */

struct member {
    const struct resume_choice *choice;
    size_t unit;
};

static int by_command(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int order = by_number(&a->choice->command, &b->choice->command);
    if (order == 0 && a->choice->carried != b->choice->carried)
        return a->choice->carried ? -1 : 1;
    return order ? order : a->unit < b->unit ? -1 : a->unit > b->unit;
}

static bool same_group(const struct member *a, const struct member *b)
{
    return a->choice->command == b->choice->command && a->choice->carried == b->choice->carried;
}

/* A group is kept when it passed, and when it would be made in the same way. Of a batch that is
 * tried item by item each one has its own verdict; they may form a new one. */
static bool keeps_group(const struct step *step, const struct member *members, size_t n)
{
    const struct resume_command *command = members->choice->command;
    if (members->choice->carried)
        return true;
    if (!SAFEGUARD(resume_groups) || command->grouping != resume_grouping(step))
        return false;
    return step->split || (command->started && n > 1);
}

static struct planned group_of(const struct member *members, size_t n)
{
    struct planned group = {
        .number = members->choice->command->number, .carried = members->choice->carried, .n = n};
    group.units = xcalloc(n, sizeof *group.units);
    for (size_t i = 0; i < n; i++)
        group.units[i] = members[i].unit;
    return group;
}

void resume_regroup(const struct plan *plan, struct step *step, const struct resume_choice *choices)
{
    if (!step->split && !step->batch)
        return;
    AUTO_FREE struct member *members = xcalloc(step->n_units, sizeof *members);
    AUTO_FREE struct planned *groups = xcalloc(step->n_units, sizeof *groups);
    size_t n_members = 0, n_groups = 0;
    for (size_t i = 0; i < step->n_units; i++) {
        if (choices[i].command)
            members[n_members++] = (struct member){&choices[i], i};
    }
    if (n_members)
        qsort(members, n_members, sizeof *members, by_command);
    for (size_t i = 0, n; i < n_members; i += n) {
        for (n = 1; i + n < n_members && same_group(&members[i], &members[i + n]);)
            n++;
        if (keeps_group(step, &members[i], n))
            groups[n_groups++] = group_of(&members[i], n);
    }
    plan_regroup(plan, step, groups, n_groups);
}

/* --- what runs again because something needs it --- */

enum work { WORK_UNKNOWN, WORK_LEFT, WORK_NONE };

struct survey {
    const struct resume *resume;
    struct plan *plan;
    enum work *work; /* by step index */
};

static bool finished(struct survey *survey, size_t index);

/* The items that a step printed which is left out. */
static bool find_items(struct survey *survey, struct step *step)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    AUTO_FREE char *error = NULL;
    const struct step *source = &survey->plan->steps[step->items_from];
    if (!source->selected || !finished(survey, source->index))
        return false;
    struct resume_choice *choices = resume_choose(survey->resume, survey->plan, source);
    AUTO_FREE bool *seen = xcalloc(survey->resume->n_commands, sizeof *seen);
    bool read = true;
    for (size_t i = 0; read && i < source->n_units; i++) {
        const struct resume_command *command = choices[i].command;
        bool *its = &seen[command - survey->resume->commands];
        read = *its || plan_read_lines(command->log_out, &lines, &error) == 0;
        *its = true;
    }
    resume_choices_free(choices, source->n_units);
    AUTO_FREE char *why = NULL;
    return read && plan_step_commands(survey->plan, step, &lines, &why) == 0;
}

/* Files that the items are found by may be made by a step that runs. */
static bool items_are_known(struct survey *survey, struct step *step)
{
    if (step->source == SOURCE_ITEMS_FROM && !find_items(survey, step))
        return false;
    for (size_t i = 0; step->preview && i < step->n_needs; i++) {
        if (!finished(survey, step->needs[i]))
            return false;
    }
    return true;
}

static bool all_carried(const struct survey *survey, const struct step *step)
{
    struct resume_choice *choices = resume_choose(survey->resume, survey->plan, step);
    size_t n = 0;
    while (n < step->n_units && choices[n].carried)
        n++;
    resume_choices_free(choices, step->n_units);
    return n == step->n_units;
}

static bool finished(struct survey *survey, size_t index)
{
    struct step *step = &survey->plan->steps[index];
    enum work *work = &survey->work[index];
    if (*work == WORK_UNKNOWN) {
        bool none = !step->selected || (items_are_known(survey, step) && all_carried(survey, step));
        *work = none ? WORK_NONE : WORK_LEFT;
    }
    return *work == WORK_NONE;
}

/* A service that nobody needs by name is there for all. */
static bool serves_all(const struct plan *plan, const struct step *service)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct step *step = &plan->steps[i];
        for (size_t k = 0; step->selected && k < step->n_needs; k++) {
            if (step->needs[k] == service->index)
                return false;
        }
    }
    return service->selected && service->ready.text;
}

static bool mark(struct resume *resume, bool *busy, size_t index)
{
    bool changed = !busy[index];
    busy[index] = resume->again[index] = true;
    return changed;
}

/* Steps come after what they need in no particular order of the file, so walk until nothing
 * changes; few rounds, since files are mostly written in order. */
static void spread(struct resume *resume, const struct plan *plan, bool *busy)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = plan->n_steps; i-- > 0;) {
            const struct step *step = &plan->steps[i];
            for (size_t k = 0; busy[i] && k < step->n_needs; k++)
                changed |= mark(resume, busy, step->needs[k]);
            /* Nobody knows what it will print this time. */
            bool open = step->selected && step->source == SOURCE_ITEMS_FROM &&
                        plan->steps[step->items_from].rerun && resume->again[step->items_from];
            changed |= open && !busy[i];
            busy[i] |= open;
        }
    }
}

void resume_mark_again(struct resume *resume, struct plan *plan)
{
    AUTO_FREE enum work *work = xcalloc(plan->n_steps, sizeof *work);
    AUTO_FREE bool *busy = xcalloc(plan->n_steps, sizeof *busy);
    struct survey survey = {resume, plan, work};
    bool any = false;
    for (size_t i = 0; i < plan->n_steps; i++) {
        busy[i] = !finished(&survey, i);
        any |= busy[i];
    }
    for (size_t i = 0; any && i < plan->n_steps; i++) {
        if (serves_all(plan, &plan->steps[i]))
            (void)mark(resume, busy, i);
    }
    spread(resume, plan, busy);
}
