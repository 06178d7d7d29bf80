/* SPDX-License-Identifier: MIT */
#include "interrupted.h"
#include "ledger.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A copy of what COMMAND_STARTED said. */
struct begun {
    struct ciplug_command command;
    char *step, *item, *host, *project, *label, *log_out, *log_err;
    struct strv items;
    uint64_t started_ns;
    int output;
    bool running; /* else its next attempt had not begun */
};

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void begun_clear(struct begun *begun)
{
    char *texts[] = {begun->step,  begun->item,    begun->host,   begun->project,
                     begun->label, begun->log_out, begun->log_err};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    strv_free(&begun->items);
}

static void begun_fill(struct begun *begun, const struct ciplug_event *event)
{
    const struct ciplug_command *from = event->command;
    *begun = (struct begun){.command = *from,
                            .step = copy(from->step),
                            .item = copy(from->item),
                            .host = copy(from->host),
                            .project = copy(from->project),
                            .label = copy(from->label),
                            .log_out = copy(event->result ? event->result->log_out : NULL),
                            .log_err = copy(event->result ? event->result->log_err : NULL),
                            .started_ns = event->time_ns,
                            .output = event->output,
                            .running = true};
    for (size_t i = 0; from->items && from->items[i]; i++)
        strv_push(&begun->items, from->items[i]);
    struct ciplug_command *command = &begun->command;
    command->step = begun->step;
    command->item = begun->item;
    command->items = begun->items.n ? (const char *const *)begun->items.v : NULL;
    command->host = begun->host;
    command->project = begun->project;
    command->label = begun->label;
}

static struct begun *find(const struct interrupted *interrupted,
                          const struct ciplug_command *command)
{
    for (size_t i = 0; i < interrupted->n; i++) {
        struct begun *begun = &interrupted->list[i];
        if (begun->command.number == command->number && strcmp(begun->step, command->step) == 0)
            return begun;
    }
    return NULL;
}

static void drop(struct interrupted *interrupted, struct begun *begun)
{
    begun_clear(begun);
    size_t behind = (size_t)(interrupted->list + interrupted->n - (begun + 1));
    memmove(begun, begun + 1, behind * sizeof *begun);
    interrupted->n--;
}

static void on_started(struct interrupted *interrupted, const struct ciplug_event *event)
{
    struct begun *begun = find(interrupted, event->command);
    if (begun) {
        begun_clear(begun);
    } else {
        ARRAY_GROW(interrupted->list, interrupted->n, interrupted->alloc);
        begun = &interrupted->list[interrupted->n++];
    }
    begun_fill(begun, event);
}

/* After a failed batch its items are commands of their own. */
static void on_finished(struct interrupted *interrupted, const struct ciplug_event *event)
{
    struct begun *begun = find(interrupted, event->command);
    if (!begun)
        return;
    if (event->result->final || ledger_units(event->command) > 1)
        drop(interrupted, begun);
    else
        begun->running = false;
}

static void on_step(struct strv *steps, const struct ciplug_event *event)
{
    if (event->kind == CIPLUG_STEP_STARTED) {
        strv_push(steps, event->step);
        return;
    }
    for (size_t i = 0; i < steps->n; i++) {
        if (strcmp(steps->v[i], event->step) != 0)
            continue;
        free(steps->v[i]);
        memmove(&steps->v[i], &steps->v[i + 1], (steps->n - i) * sizeof *steps->v);
        steps->n--;
        return;
    }
}

static void set(char **to, const char *text)
{
    if (*to && text && strcmp(*to, text) == 0)
        return;
    free(*to);
    *to = copy(text);
}

void interrupted_event(struct interrupted *interrupted, const struct ciplug_event *event)
{
    bool command = event->command && event->command->step;
    interrupted->last_ns = event->time_ns;
    set(&interrupted->run, event->run);
    set(&interrupted->run_dir, event->run_dir);
    if (event->kind == CIPLUG_RUN_FINISHED)
        interrupted->finished = true;
    else if (event->kind == CIPLUG_COMMAND_STARTED && command)
        on_started(interrupted, event);
    else if (event->kind == CIPLUG_COMMAND_FINISHED && command && event->result)
        on_finished(interrupted, event);
    else if ((event->kind == CIPLUG_STEP_STARTED || event->kind == CIPLUG_STEP_FINISHED) &&
             event->step)
        on_step(event->cleanup ? &interrupted->cleanups : &interrupted->steps, event);
}

static struct ciplug_event new_event(const struct interrupted *interrupted, int kind)
{
    return (struct ciplug_event){.size = sizeof(struct ciplug_event),
                                 .kind = kind,
                                 .time_ns = interrupted->last_ns,
                                 .run = interrupted->run,
                                 .run_dir = interrupted->run_dir,
                                 .replayed = 1};
}

static uint64_t bytes_of(const char *log)
{
    struct stat st;
    return log && stat(log, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static void emit_command(const struct interrupted *interrupted, const struct begun *begun,
                         struct events *events)
{
    struct ciplug_result result = {
        .size = sizeof result,
        .outcome = CIPLUG_ERROR,
        .exit_code = -1,
        .flags = CIPLUG_FLAG_INTERRUPTED,
        .final = 1,
        .reason = begun->running ? "interrupted: ciplug ended while this ran"
                                 : "interrupted: ciplug ended before the next attempt",
        .log_out = begun->log_out,
        .log_err = begun->log_err,
    };
    if (begun->running) {
        result.started_ns = begun->started_ns;
        if (interrupted->last_ns > begun->started_ns)
            result.duration_ns = interrupted->last_ns - begun->started_ns;
        result.bytes_out = bytes_of(begun->log_out);
        result.bytes_err = bytes_of(begun->log_err);
    }
    struct ciplug_event event = new_event(interrupted, CIPLUG_COMMAND_FINISHED);
    event.step = begun->step;
    event.cleanup = begun->command.cleanup;
    event.command = &begun->command;
    event.result = &result;
    event.output = begun->output;
    events_emit(events, &event);
}

static void emit_steps(const struct interrupted *interrupted, bool cleanup, struct events *events)
{
    const struct strv *steps = cleanup ? &interrupted->cleanups : &interrupted->steps;
    for (size_t i = 0; i < steps->n; i++) {
        struct ciplug_event event = new_event(interrupted, CIPLUG_STEP_FINISHED);
        event.step = steps->v[i];
        event.cleanup = cleanup;
        event.outcome = CIPLUG_ERROR;
        event.text = "interrupted: ciplug ended first";
        events_emit(events, &event);
    }
}

void interrupted_emit(const struct interrupted *interrupted, struct events *events)
{
    if (interrupted->finished)
        return;
    for (size_t i = 0; i < interrupted->n; i++)
        emit_command(interrupted, &interrupted->list[i], events);
    emit_steps(interrupted, false, events);
    emit_steps(interrupted, true, events);
}

void interrupted_free(struct interrupted *interrupted)
{
    for (size_t i = 0; i < interrupted->n; i++)
        begun_clear(&interrupted->list[i]);
    free(interrupted->list);
    strv_free(&interrupted->steps);
    strv_free(&interrupted->cleanups);
    free(interrupted->run);
    free(interrupted->run_dir);
    *interrupted = (struct interrupted){0};
}
