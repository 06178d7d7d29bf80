/* SPDX-License-Identifier: MIT */
#include "resume.h"
#include "event.h"
#include "journal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A journal while it is read. */
struct reading {
    struct resume *resume;
    struct running {
        uint64_t place; /* of step and number */
        size_t command;
    } * running; /* started, not ended */
    size_t n, alloc;
};

static uint64_t place_of(const struct ciplug_command *command)
{
    return hash_bytes(resume_unit(command->step, ""), &command->number, sizeof command->number);
}

static struct running *find_running(const struct reading *reading, uint64_t place)
{
    for (size_t i = reading->n; i-- > 0;) {
        if (reading->running[i].place == place)
            return &reading->running[i];
    }
    return NULL;
}

static void add_units(struct resume_command *command, const struct ciplug_command *said)
{
    char number[12];
    snprintf(number, sizeof number, "%u", (unsigned)said->number);
    const char *const one[] = {said->item ? said->item : number, NULL};
    const char *const *names = said->items && said->items[0] ? said->items : one;
    while (names[command->n_units])
        command->n_units++;
    command->n_all = command->n_units;
    command->units = xcalloc(command->n_units, sizeof *command->units);
    for (size_t i = 0; i < command->n_units; i++)
        command->units[i] = resume_unit(said->step, names[i]);
}

static size_t add_command(struct reading *reading, const struct ciplug_command *said)
{
    struct resume_command *command = resume_add(reading->resume);
    command->number = said->number;
    command->state = RESUME_OPEN;
    add_units(command, said);
    return reading->resume->n_commands - 1;
}

static void on_started(struct reading *reading, const struct ciplug_command *said,
                       const struct journal_extra *extra)
{
    uint64_t place = place_of(said);
    if (said->attempt > 1 && find_running(reading, place))
        return;
    size_t index = add_command(reading, said);
    reading->resume->commands[index].started = true;
    reading->resume->commands[index].key = extra->key;
    reading->resume->commands[index].grouping = extra->grouping;
    ARRAY_GROW(reading->running, reading->n, reading->alloc);
    reading->running[reading->n++] = (struct running){place, index};
}

static void on_finished(struct reading *reading, const struct ciplug_command *said,
                        const struct ciplug_result *result, const struct journal_extra *extra)
{
    struct running *running = find_running(reading, place_of(said));
    size_t index = running ? running->command : add_command(reading, said);
    if (running)
        *running = reading->running[--reading->n];
    struct resume_command *command = &reading->resume->commands[index];
    bool carried = result->flags & CIPLUG_FLAG_CARRIED;
    bool passed = result->outcome == CIPLUG_PASSED || carried;
    command->key = extra->key;
    command->grouping = extra->grouping;
    command->state = passed ? RESUME_PASSED : RESUME_FAILED;
    command->started = carried || said->worker > 0;
    if (passed && result->log_out && !(result->flags & CIPLUG_FLAG_TRUNCATED))
        command->log_out = xstrdup(result->log_out);
    command->bytes = result->bytes_out;
}

static void on_event(void *data, const struct ciplug_event *event,
                     const struct journal_extra *extra)
{
    struct reading *reading = data;
    struct resume *resume = reading->resume;
    if (event->run && !resume->run[0])
        memcpy(resume->run, event->run, strnlen(event->run, sizeof resume->run - 1));
    if (event->cleanup || !event->command || !event->command->step)
        return;
    if (event->kind == CIPLUG_COMMAND_STARTED)
        on_started(reading, event->command, extra);
    else if (event->kind == CIPLUG_COMMAND_FINISHED && event->result->final)
        on_finished(reading, event->command, event->result, extra);
}

/* --- what counts --- */

struct ranked {
    struct resume_entry entry;
    uint64_t order;
};

static int compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->entry.unit != b->entry.unit)
        return a->entry.unit < b->entry.unit ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return a->entry.command < b->entry.command ? -1 : a->entry.command > b->entry.command;
}

enum rank { RANK_RAN, RANK_TAKEN_OVER, RANK_DROPPED };

static enum rank rank_of(const struct resume_command *command)
{
    if (command->taken_over)
        return RANK_TAKEN_OVER;
    return command->started ? RANK_RAN : RANK_DROPPED;
}

static struct ranked *rank_all(const struct resume *resume, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < resume->n_commands; i++)
        *n += resume->commands[i].n_units;
    struct ranked *list = xcalloc(*n, sizeof *list);
    size_t at = 0;
    for (size_t i = 0; i < resume->n_commands; i++) {
        const struct resume_command *command = &resume->commands[i];
        for (size_t k = 0; k < command->n_units; k++)
            list[at++] = (struct ranked){{command->units[k], i}, rank_of(command)};
    }
    if (*n)
        qsort(list, *n, sizeof *list, compare);
    return list;
}

/* What ran in the run itself counts; else what it had taken over; else that it was dropped. A
 * command keeps only those units for which it speaks. */
static size_t keep_what_counts(struct resume *resume, struct ranked *list, size_t n)
{
    size_t kept = 0, first = 0;
    for (size_t i = 0; i < resume->n_commands; i++)
        resume->commands[i].n_units = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i].entry.unit != list[first].entry.unit)
            first = i;
        bool ran = list[first].order == RANK_RAN;
        bool counts = ran ? list[i].order != RANK_TAKEN_OVER : list[i].order == list[first].order;
        if (!counts)
            continue;
        struct resume_command *command = &resume->commands[list[i].entry.command];
        command->units[command->n_units++] = list[i].entry.unit;
        kept++;
    }
    return kept;
}

static void index_units(struct resume *resume)
{
    size_t n;
    AUTO_FREE struct ranked *list = rank_all(resume, &n);
    resume->n = keep_what_counts(resume, list, n);
    free(list);
    list = rank_all(resume, &n);
    for (size_t i = 0; i < n; i++) {
        const struct resume_command *command = &resume->commands[list[i].entry.command];
        list[i].order = (uint64_t)command->state << 32 | command->number;
    }
    if (n)
        qsort(list, n, sizeof *list, compare);
    resume->entries = xcalloc(n, sizeof *resume->entries);
    for (size_t i = 0; i < n; i++)
        resume->entries[i] = list[i].entry;
}

int resume_load(struct resume *resume, struct plan *plan, const uint64_t *keys, const char *run_dir)
{
    *resume = (struct resume){.keys = keys, .again = xcalloc(plan->n_steps, sizeof *resume->again)};
    struct reading reading = {.resume = resume};
    struct journal_reader reader = {.event = on_event, .data = &reading};
    if (SAFEGUARD(resume_taken_over))
        resume_file_read(resume, run_dir);
    int read = journal_replay(run_dir, &reader, NULL);
    free(reading.running);
    if (read < 0) {
        msg(MSG_ERROR, "cannot read the journal of %s: %s", run_dir, strerror(errno));
        return -1;
    }
    index_units(resume);
    resume_mark_again(resume, plan);
    return 0;
}

void resume_free(struct resume *resume)
{
    for (size_t i = 0; i < resume->n_commands; i++) {
        free(resume->commands[i].units);
        free(resume->commands[i].log_out);
    }
    free(resume->commands);
    free(resume->entries);
    free(resume->again);
}
