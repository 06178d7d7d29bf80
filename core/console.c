/* SPDX-License-Identifier: MIT */
#include "console.h"

#include "console_format.h"
#include "console_state.h"
#include "event.h"
#include "harmless.h"
#include "runclock.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTICE_MAX 4096 /* columns */

enum { NEVER_CANCELLED, NEVER_SKIPPED };

static bool quiet(const struct console *console)
{
    return console->settings.verbosity < 0;
}

uint64_t console_now(const struct console *console)
{
    const struct runclock *clock = console->settings.clock;
    return clock ? runclock_now(clock) : clock_mono_ns();
}

void console_say(struct console *console, const struct strbuf *text, bool droppable)
{
    if (!text->len)
        return;
    screen_text(console->settings.screen, text->buf, text->len, droppable);
    console->visible_ns = console_now(console);
}

static struct console_step *find_step(struct console *console, const struct ciplug_event *event)
{
    const char *name = event->command ? event->command->step : event->step;
    for (size_t i = console->n_steps; name && i > 0; i--) {
        if (strcmp(console->steps[i - 1].name, name) == 0)
            return &console->steps[i - 1];
    }
    ARRAY_GROW(console->steps, console->n_steps, console->steps_alloc);
    struct console_step *step = &console->steps[console->n_steps++];
    *step = (struct console_step){.name = xstrdup(name ? name : "?"),
                                  .cleanup = event->cleanup ||
                                             (event->command && event->command->cleanup)};
    return step;
}

static void on_run_started(struct console *console, const struct ciplug_event *event)
{
    free(console->run);
    free(console->run_dir);
    console->run = event->run ? xstrdup(event->run) : NULL;
    console->run_dir = event->run_dir ? xstrdup(event->run_dir) : NULL;
    console->started_wall_ns = event->time_ns;
    console_marks_begin(console);
    if (quiet(console))
        return;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    strbuf_addf(&line, "run %s", event->run ? event->run : "?");
    format_reason(&line, event->text);
    strbuf_addch(&line, '\n');
    console_say(console, &line, true);
}

static void on_step_started(struct console *console, const struct ciplug_event *event)
{
    const struct console_step *step = find_step(console, event);
    if (quiet(console))
        return;
    console_end_block(console);
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    strbuf_addf(&line, "%s ", step->cleanup ? "cleanup" : "step");
    harmless_name(&line, step->name, FORMAT_COLUMNS);
    if (event->ledger && event->ledger->planned > 1)
        strbuf_addf(&line, ": %llu planned", (unsigned long long)event->ledger->planned);
    strbuf_addch(&line, '\n');
    console_say(console, &line, true);
}

static void add_step_word(struct console *console, const struct console_step *step, int outcome,
                          struct strbuf *line)
{
    const struct ciplug_result result = {.outcome = outcome, .final = 1};
    format_word(line, format_outcome(&result), console->settings.color);
    strbuf_addstr(line, step->cleanup ? "cleanup " : "");
    harmless_name(line, step->name, FORMAT_COLUMNS);
}

/* One line for all that never started, instead of one for each. */
static void say_never(struct console *console, struct console_step *step, int which)
{
    size_t n = step->never[which].commands;
    if (n == 0)
        return;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    bool cancelled = which == NEVER_CANCELLED;
    add_step_word(console, step, cancelled ? CIPLUG_CANCELLED : CIPLUG_SKIPPED, &line);
    if (n > 1)
        strbuf_addf(&line, ": %zu commands", n);
    format_reason(&line, step->never[which].reason);
    strbuf_addch(&line, '\n');
    if (cancelled)
        console_remember_line(console, &line, step->cleanup);
    if (!quiet(console))
        console_say(console, &line, true);
    step->never[which].commands = 0;
}

static void close_step(struct console *console, struct console_step *step)
{
    say_never(console, step, NEVER_CANCELLED);
    say_never(console, step, NEVER_SKIPPED);
}

static void say_step_end(struct console *console, const struct console_step *step, int outcome,
                         const char *reason)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    strbuf_addf(&line, "%s ", step->cleanup ? "cleanup" : "step");
    harmless_name(&line, step->name, FORMAT_COLUMNS);
    strbuf_addf(&line, " %s", outcome_name(outcome));
    format_reason(&line, reason);
    strbuf_addch(&line, '\n');
    console_say(console, &line, true);
}

/* A step without any command, such as one that found no item, has only this to be seen by. */
static void say_empty_step(struct console *console, const struct console_step *step, int outcome,
                           const char *reason)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    bool fine = outcome == CIPLUG_PASSED || outcome == CIPLUG_SKIPPED;
    add_step_word(console, step, outcome, &line);
    format_reason(&line, reason);
    strbuf_addch(&line, '\n');
    if (!fine)
        console_remember_line(console, &line, step->cleanup);
    if (!fine || !quiet(console))
        console_say(console, &line, fine);
}

static void on_step_finished(struct console *console, const struct ciplug_event *event)
{
    struct console_step *step = find_step(console, event);
    console_end_block(console);
    bool seen = step->finished || step->never[0].commands || step->never[1].commands;
    close_step(console, step);
    if (!seen && event->outcome != CIPLUG_PASSED)
        say_empty_step(console, step, event->outcome, event->text);
    else if (console->settings.verbosity > 0)
        say_step_end(console, step, event->outcome, event->text);
}

static void add_shown_command(const struct ciplug_command *command, struct strbuf *line)
{
    if (!command->script && !(command->words && command->words[0]))
        return;
    strbuf_addstr(line, "        $");
    if (command->script) {
        strbuf_addch(line, ' ');
        harmless_name(line, command->script, 2 * FORMAT_COLUMNS);
    }
    for (size_t i = 0; !command->script && command->words[i] && i < 32; i++) {
        strbuf_addch(line, ' ');
        harmless_name(line, command->words[i], FORMAT_COLUMNS);
    }
    strbuf_addch(line, '\n');
}

static void say_start(struct console *console, const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    format_word(&line, "START", console->settings.color);
    format_name(&line, command);
    if (command->worker) {
        strbuf_addstr(&line, " (");
        format_place(&line, command);
        strbuf_addch(&line, ')');
    }
    if (command->attempt > 1)
        strbuf_addf(&line, ", attempt %u", (unsigned)command->attempt);
    strbuf_addch(&line, '\n');
    add_shown_command(command, &line);
    console_say(console, &line, true);
}

static void on_command_started(struct console *console, const struct ciplug_event *event)
{
    console_start(console, event);
    if (console->settings.verbosity > 0)
        say_start(console, event);
}

static void on_command_output(struct console *console, const struct ciplug_event *event)
{
    struct console_running *running = console_find(console, event);
    if (running && event->length > 0)
        console_bytes(console, running, event);
}

static void on_command_notice(struct console *console, const struct ciplug_event *event)
{
    if (quiet(console))
        return;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    format_word(&line, "NOTE", console->settings.color);
    format_name(&line, event->command);
    format_reason(&line, event->text);
    strbuf_addch(&line, '\n');
    console_say(console, &line, true);
}

/* Cancelled or skipped without a start: counted, and said once for the step. */
static bool never_started(struct console *console, struct console_step *step,
                          const struct ciplug_result *result)
{
    bool cancelled = result->outcome == CIPLUG_CANCELLED;
    if (result->started_ns || (!cancelled && result->outcome != CIPLUG_SKIPPED))
        return false;
    int which = cancelled ? NEVER_CANCELLED : NEVER_SKIPPED;
    if (!step->never[which].reason && result->reason)
        step->never[which].reason = xstrdup(result->reason);
    step->never[which].commands++;
    return console->settings.verbosity < 1;
}

static void remember_flags(struct console *console, const struct ciplug_event *event)
{
    const struct ciplug_result *result = event->result;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    format_name(&text, event->command);
    if (result->flags & CIPLUG_FLAG_FLAKY) {
        AUTO_FREE char *flaky =
            xasprintf("%s on attempt %u", text.buf, (unsigned)event->command->attempt);
        strv_push(&console->flaky, flaky);
    }
    if (result->flags & (CIPLUG_FLAG_LEAKED | CIPLUG_FLAG_UNKILLABLE)) {
        format_reason(&text, result->reason);
        strv_push(&console->leaked, text.buf);
    }
}

static void on_command_finished(struct console *console, const struct ciplug_event *event)
{
    const struct ciplug_result *result = event->result;
    struct console_running *running = console_find(console, event);
    struct console_step *step = find_step(console, event);
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    remember_flags(console, event);
    if ((result->flags & CIPLUG_FLAG_INTERRUPTED) && !event->command->cleanup)
        console->interrupted += ledger_units(event->command);
    if (!running && never_started(console, step, result))
        return;
    format_result(&line, event->command, result, console->settings.color);
    step->finished++;
    /* Its batch was shown. */
    if (result->batch && !outcome_bad(result->outcome) && console->settings.verbosity < 1)
        return;
    if (result->final && console_is_failure(result))
        console_remember(console, event, &line);
    if (quiet(console) && !(result->final && console_is_failure(result)))
        strbuf_clear(&line);
    console_end(console, running, event, &line);
    console_mark_close(console, event);
}

static void on_run_notice(struct console *console, const struct ciplug_event *event)
{
    if (quiet(console))
        return;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    console_end_block(console);
    /* Whole: there are commands to be pasted among them. */
    strbuf_addstr(&line, "ciplug: ");
    harmless_name(&line, event->text ? event->text : "", NOTICE_MAX);
    strbuf_addch(&line, '\n');
    console_say(console, &line, false);
}

static void on_run_finished(struct console *console, const struct ciplug_event *event)
{
    console->finished = true;
    console->exit_status = event->exit_status;
    console->ended_wall_ns = event->time_ns;
    free(console->reason);
    console->reason = event->text ? xstrdup(event->text) : NULL;
    if (event->ledger)
        console->ledger.run = *event->ledger;
}

static void dispatch(struct console *console, const struct ciplug_event *event)
{
    bool command = event->command && event->command->step;
    if (event->kind == CIPLUG_RUN_STARTED)
        on_run_started(console, event);
    else if (event->kind == CIPLUG_STEP_STARTED)
        on_step_started(console, event);
    else if (event->kind == CIPLUG_COMMAND_STARTED && command)
        on_command_started(console, event);
    else if (event->kind == CIPLUG_COMMAND_OUTPUT && command)
        on_command_output(console, event);
    else if (event->kind == CIPLUG_COMMAND_NOTICE && command)
        on_command_notice(console, event);
    else if (event->kind == CIPLUG_TEST_FINISHED && command && event->test)
        console_case(console, event);
    else if (event->kind == CIPLUG_COMMAND_FINISHED && command && event->result)
        on_command_finished(console, event);
    else if (event->kind == CIPLUG_STEP_FINISHED)
        on_step_finished(console, event);
    else if (event->kind == CIPLUG_RUN_NOTICE)
        on_run_notice(console, event);
    else if (event->kind == CIPLUG_RUN_FINISHED)
        on_run_finished(console, event);
}

static void console_event(void *self, const struct ciplug_event *event)
{
    struct console *console = self;
    ledger_event(&console->ledger, event);
    dispatch(console, event);
    if (event->kind != CIPLUG_COMMAND_OUTPUT && event->kind != CIPLUG_TEST_FINISHED)
        console_status(console, console_now(console));
}

static int console_finish(void *self)
{
    struct console *console = self;
    for (size_t i = 0; i < console->n_steps; i++)
        close_step(console, &console->steps[i]);
    screen_status(console->settings.screen, "");
    console_summary(console);
    console_mark_close(console, NULL);
    int error = screen_error(console->settings.screen);
    return error && error != EPIPE ? -1 : 0;
}

struct console *console_new(const struct console_settings *settings)
{
    struct console *console = xcalloc(1, sizeof *console);
    console->settings = *settings;
    console->cwd = getcwd(NULL, 0);
    console->started_ns = console->visible_ns = console_now(console);
    return console;
}

void console_free(struct console *console)
{
    if (!console)
        return;
    for (size_t i = 0; i < console->n_running; i++)
        console_running_clear(&console->running[i]);
    for (size_t i = 0; i < console->n_failures; i++)
        console_failure_clear(&console->failures[i]);
    for (size_t i = 0; i < console->n_steps; i++) {
        free(console->steps[i].name);
        free(console->steps[i].never[0].reason);
        free(console->steps[i].never[1].reason);
    }
    console_cases_clear(&console->cases);
    strv_free(&console->flaky);
    strv_free(&console->leaked);
    free(console->running);
    free(console->failures);
    free(console->steps);
    free(console->cwd);
    free(console->run);
    free(console->run_dir);
    free(console->reason);
    free(console);
}

const struct ciplug_reporter console_reporter = {
    .size = sizeof(struct ciplug_reporter),
    .events = CIPLUG_RUN_STARTED | CIPLUG_STEP_STARTED | CIPLUG_COMMAND_STARTED |
              CIPLUG_COMMAND_OUTPUT | CIPLUG_COMMAND_NOTICE | CIPLUG_COMMAND_FINISHED |
              CIPLUG_STEP_FINISHED | CIPLUG_RUN_NOTICE | CIPLUG_RUN_FINISHED | CIPLUG_TEST_FINISHED,
    .event = console_event,
    .finish = console_finish,
};
