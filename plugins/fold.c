/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_US UINT64_C(1000)

static char *copy(struct fold *fold, const char *text)
{
    char *own = text ? strdup(text) : NULL;
    fold->failed = fold->failed || (text && !own);
    return own;
}

/* Room for one more; NULL when there is no memory. */
static void *grow(struct fold *fold, void *list, size_t n, size_t *alloc, size_t size)
{
    if (n < *alloc)
        return list;
    size_t wanted = *alloc ? *alloc + *alloc / 2 : 8;
    void *more = wanted > SIZE_MAX / size ? NULL : realloc(list, wanted * size);
    fold->failed = fold->failed || !more;
    *alloc = more ? wanted : *alloc;
    return more;
}

static struct fold_run *add_run(struct fold *fold, const struct ciplug_event *event)
{
    struct fold_run *list = grow(fold, fold->runs, fold->n, &fold->alloc, sizeof *list);
    if (!list)
        return NULL;
    fold->runs = list;
    struct fold_run *run = &list[fold->n++];
    *run = (struct fold_run){.run = copy(fold, event->run ? event->run : "?"),
                             .dir = copy(fold, event->run_dir ? event->run_dir : ""),
                             .started_us = event->time_ns / NS_PER_US};
    return run;
}

static struct fold_step *find_step(struct fold *fold, struct fold_run *run,
                                   const struct ciplug_event *event)
{
    const char *name = event->step ? event->step : "?";
    for (size_t i = run->n; i > 0; i--) {
        if (run->steps[i - 1].name && strcmp(run->steps[i - 1].name, name) == 0)
            return &run->steps[i - 1];
    }
    struct fold_step *list = grow(fold, run->steps, run->n, &run->alloc, sizeof *list);
    if (!list)
        return NULL;
    run->steps = list;
    struct fold_step *step = &list[run->n++];
    *step = (struct fold_step){.name = copy(fold, name),
                               .cleanup = event->cleanup,
                               .started_us = event->time_ns / NS_PER_US};
    return step;
}

/* ---- attempts ---- */

/* Relative to the run's folder, so that a report says the same when that has been moved. */
static const char *log_of(const char *path, const char *run_dir)
{
    size_t length = run_dir ? strlen(run_dir) : 0;
    if (!path)
        return "";
    bool inside = length && strncmp(path, run_dir, length) == 0 && path[length] == '/';
    return inside ? path + length + 1 : path;
}

/* What people call it where it has no item. */
static const char *label_of(const struct ciplug_command *command)
{
    bool alone = command->count == 1 || !command->label || !*command->label;
    return alone && command->step ? command->step : command->label ? command->label : "?";
}

static const char *append(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *start = *at;
    memcpy(start, text, size);
    *at += size;
    return start;
}

static uint32_t count_items(const struct ciplug_command *command)
{
    uint32_t n = 0;
    while (command->items && command->items[n])
        n++;
    return n;
}

/* All texts in one allocation: there may be very many attempts. */
static int fill_texts(struct fold_attempt *attempt, const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    const struct ciplug_result *result = event->result;
    const char *fixed[] = {result && result->reason ? result->reason : "",
                           command->host ? command->host : "",
                           log_of(result ? result->log_out : NULL, event->run_dir),
                           log_of(result ? result->log_err : NULL, event->run_dir)};
    const char *label[] = {label_of(command)};
    uint32_t n = count_items(command);
    const char *const *names = n ? command->items : label;
    size_t size = 0;
    attempt->has_items = n > 0;
    attempt->n = n ? n : 1;
    for (size_t i = 0; i < 4; i++)
        size += strlen(fixed[i]) + 1;
    for (uint32_t i = 0; i < attempt->n; i++)
        size += strlen(names[i]) + 1;
    char *at = malloc(size);
    attempt->texts = at;
    if (!at)
        return -1;
    attempt->reason = append(&at, fixed[0]);
    attempt->host = append(&at, fixed[1]);
    attempt->log_out = append(&at, fixed[2]);
    attempt->log_err = append(&at, fixed[3]);
    attempt->names = at;
    for (uint32_t i = 0; i < attempt->n; i++)
        (void)append(&at, names[i]);
    return 0;
}

/* The one that goes on, and has written these cases; or one whose start was not told. */
static struct fold_attempt *find_open(const struct fold_step *step,
                                      const struct ciplug_command *command)
{
    for (size_t i = 0; i < step->n_open; i++) {
        if (step->attempts[step->open[i]].number == command->number)
            return &step->attempts[step->open[i]];
    }
    return NULL;
}

static void free_texts(struct fold_attempt *attempt)
{
    free((char *)attempt->texts);
    attempt->texts = NULL;
}

/* The one that was said to have started. There are only as many as run at once. */
static struct fold_attempt *take_open(struct fold_step *step, const struct ciplug_command *command)
{
    for (size_t i = 0; i < step->n_open; i++) {
        struct fold_attempt *attempt = &step->attempts[step->open[i]];
        if (attempt->number != command->number)
            continue;
        step->open[i] = step->open[--step->n_open];
        return attempt;
    }
    return NULL;
}

static struct fold_attempt *add_attempt(struct fold *fold, struct fold_step *step)
{
    struct fold_attempt *list = grow(fold, step->attempts, step->n, &step->alloc, sizeof *list);
    if (!list)
        return NULL;
    step->attempts = list;
    list[step->n] = (struct fold_attempt){.order = (uint32_t)step->n};
    return &list[step->n++];
}

static void fill(struct fold *fold, struct fold_attempt *attempt, const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    const struct fold_attempt old = *attempt;
    free_texts(attempt);
    *attempt = (struct fold_attempt){.number = command->number,
                                     .attempt = command->attempt,
                                     .worker = command->worker,
                                     .order = old.order,
                                     .cases = old.cases,
                                     .n_cases = old.n_cases,
                                     .cases_alloc = old.cases_alloc,
                                     .exit_code = -1,
                                     .known_us = event->time_ns / NS_PER_US};
    if (fill_texts(attempt, event) < 0)
        fold->failed = true;
}

static void on_started(struct fold *fold, struct fold_step *step, const struct ciplug_event *event)
{
    size_t *open = grow(fold, step->open, step->n_open, &step->open_alloc, sizeof *open);
    if (!open)
        return;
    step->open = open;
    struct fold_attempt *attempt = add_attempt(fold, step);
    if (!attempt)
        return;
    open[step->n_open++] = step->n - 1;
    fill(fold, attempt, event);
    attempt->started_us = attempt->known_us;
}

static void on_finished(struct fold *fold, struct fold_step *step, const struct ciplug_event *event)
{
    const struct ciplug_result *result = event->result;
    struct fold_attempt *attempt = take_open(step, event->command);
    attempt = attempt ? attempt : add_attempt(fold, step);
    if (!attempt)
        return;
    fill(fold, attempt, event);
    bool known = result->outcome >= CIPLUG_PASSED && result->outcome <= CIPLUG_SKIPPED;
    attempt->outcome = known ? result->outcome : CIPLUG_ERROR;
    attempt->exit_code = result->exit_code;
    attempt->signal = result->signal;
    attempt->flags = result->flags;
    attempt->started_us = result->started_ns / NS_PER_US;
    attempt->duration_us = result->duration_ns / NS_PER_US;
    attempt->final = result->final;
    attempt->batch = result->batch;
    attempt->finished = true;
}

static void on_test(struct fold *fold, struct fold_step *step, const struct ciplug_event *event)
{
    if (!find_open(step, event->command))
        on_started(fold, step, event);
    struct fold_attempt *attempt = find_open(step, event->command);
    if (!attempt || fold_case_add(attempt, event) < 0)
        fold->failed = true;
}

/* ---- events ---- */

static void on_step_finished(struct fold *fold, struct fold_step *step,
                             const struct ciplug_event *event)
{
    step->finished = true;
    step->outcome = event->outcome;
    step->ended_us = event->time_ns / NS_PER_US;
    free(step->reason);
    step->reason = event->text && *event->text ? copy(fold, event->text) : NULL;
}

static void on_run_finished(struct fold *fold, struct fold_run *run,
                            const struct ciplug_event *event)
{
    run->finished = true;
    run->exit_status = event->exit_status;
    free(run->reason);
    run->reason = event->text && *event->text ? copy(fold, event->text) : NULL;
}

void fold_event(struct fold *fold, const struct ciplug_event *event)
{
    struct fold_run *run = fold->n ? &fold->runs[fold->n - 1] : NULL;
    if (event->kind == CIPLUG_RUN_STARTED || !run)
        run = add_run(fold, event);
    if (!run)
        return;
    if (event->time_ns / NS_PER_US > run->last_us)
        run->last_us = event->time_ns / NS_PER_US;
    if (event->kind == CIPLUG_RUN_FINISHED)
        on_run_finished(fold, run, event);
    struct fold_step *step = event->step ? find_step(fold, run, event) : NULL;
    if (!step)
        return;
    if (event->kind == CIPLUG_STEP_STARTED && event->ledger)
        step->planned += event->ledger->planned;
    else if (event->kind == CIPLUG_STEP_FINISHED)
        on_step_finished(fold, step, event);
    else if (event->kind == CIPLUG_COMMAND_STARTED && event->command)
        on_started(fold, step, event);
    else if (event->kind == CIPLUG_COMMAND_FINISHED && event->command && event->result)
        on_finished(fold, step, event);
    else if (event->kind == CIPLUG_TEST_FINISHED && event->command && event->test)
        on_test(fold, step, event);
}

void fold_free(struct fold *fold)
{
    for (size_t r = 0; r < fold->n; r++) {
        struct fold_run *run = &fold->runs[r];
        for (size_t s = 0; s < run->n; s++) {
            struct fold_step *step = &run->steps[s];
            for (size_t i = 0; i < step->n; i++) {
                free_texts(&step->attempts[i]);
                fold_cases_free(&step->attempts[i]);
            }
            free(step->attempts);
            free(step->open);
            free(step->name);
            free(step->reason);
        }
        free(run->steps);
        free(run->run);
        free(run->dir);
        free(run->reason);
    }
    free(fold->runs);
    *fold = (struct fold){0};
}
