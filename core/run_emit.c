/* SPDX-License-Identifier: MIT */
#include "run_hide.h"
#include "run_internal.h"
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static struct ciplug_event new_event(const struct run *run, int kind)
{
    return (struct ciplug_event){
        .size = sizeof(struct ciplug_event),
        .kind = kind,
        .time_ns = runclock_wall(&run->clock),
        .run = run->dir.run,
        .run_dir = run->dir.path,
    };
}

void run_emit_journal_failed(struct run *run)
{
    if (run->no_verdict)
        return;
    run->no_verdict = true;
    msg(MSG_ERROR, "the journal cannot be written: %s", strerror(run->journal.error));
    if (run->phase == PHASE_STEPS)
        schedule_halt(run->current, "the journal cannot be written");
}

/* What runs still finds room for its results; more may not. */
static void watch_room(struct run *run)
{
    if (!run->journal.reserve_error || run->no_verdict)
        return;
    run->no_verdict = true;
    run_emit_notice(run, "no room can be put aside for the journal: %s; nothing new is started",
                    strerror(run->journal.reserve_error));
    if (run->phase == PHASE_STEPS)
        schedule_halt(run->current, "no room is left for the journal");
}

/* The record comes before the report. */
static void emit(struct run *run, const struct ciplug_event *event,
                 const struct journal_extra *extra)
{
    struct hidden_event hidden = {0};
    event = hide_event(&hidden, run->mask, event);
    if (event->kind != CIPLUG_COMMAND_OUTPUT && event->kind != CIPLUG_RUN_STARTED &&
        journal_event(&run->journal, event, extra) < 0)
        run_emit_journal_failed(run);
    ledger_event(&run->ledger, event);
    events_emit(&run->events, event);
    hidden_event_free(&hidden);
    watch_room(run);
}

void run_emit_started(struct run *run)
{
    struct ciplug_event event = new_event(run, CIPLUG_RUN_STARTED);
    AUTO_STRV struct strv argv = STRV_INIT;
    for (const char *const *word = run->options->argv; word && *word; word++)
        strv_push(&argv, *word);
    struct journal_header header = {.name = run->plan->name,
                                    .config = run->plan->config->file,
                                    .version = PACKAGE_VERSION,
                                    .argv = &argv};
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addf(&text, "%s: %zu step%s, %u worker%s", run->plan->name, run->plan->n_steps,
                run->plan->n_steps == 1 ? "" : "s", (unsigned)run->plan->n_slots,
                run->plan->n_slots == 1 ? "" : "s");
    event.text = strbuf_text(&text);
    if (journal_run_started(&run->journal, &event, &header) < 0)
        run_emit_journal_failed(run);
    emit(run, &event, NULL);
}

void run_emit_step_started(struct run *run, const struct step *step, uint64_t planned)
{
    struct ciplug_ledger ledger = {.size = sizeof ledger, .planned = planned};
    struct ciplug_event event = new_event(run, CIPLUG_STEP_STARTED);
    event.step = step->name;
    event.cleanup = step->cleanup;
    event.ledger = &ledger;
    event.output = step->output;
    emit(run, &event, NULL);
}

void run_emit_step_finished(struct run *run, const struct step *step, int outcome,
                            const char *reason)
{
    struct ciplug_event event = new_event(run, CIPLUG_STEP_FINISHED);
    event.step = step->name;
    event.cleanup = step->cleanup;
    event.outcome = outcome;
    event.text = reason;
    emit(run, &event, NULL);
}

static struct ciplug_event command_event(const struct run *run, int kind, const struct step *step,
                                         const struct ciplug_command *command,
                                         const struct ciplug_result *result)
{
    struct ciplug_event event = new_event(run, kind);
    event.step = step->name;
    event.cleanup = step->cleanup;
    event.command = command;
    event.result = result;
    event.output = step->output;
    return event;
}

static struct journal_extra extra_of(const struct run *run, const struct step *step, uint32_t slot)
{
    return (struct journal_extra){.key = resume_key(run->plan, run->keys, step, slot),
                                  .grouping = resume_grouping(step)};
}

void run_emit_command(struct run *run, int kind, struct execution *execution, const char *text)
{
    const struct step *step = execution->task->step;
    struct ciplug_event event =
        command_event(run, kind, step, &execution->launch.command, &execution->result);
    event.text = text;
    struct journal_extra extra = extra_of(run, step, execution->launch.command.worker);
    extra.kill_via = execution->end.via;
    extra.shown = execution->launch.shown;
    emit(run, &event, &extra);
}

void run_emit_output(struct run *run, struct execution *execution, int stream, const void *bytes,
                     size_t length, uint64_t offset)
{
    if (!(run->events.mask & CIPLUG_COMMAND_OUTPUT))
        return;
    struct ciplug_event event = command_event(run, CIPLUG_COMMAND_OUTPUT, execution->task->step,
                                              &execution->launch.command, &execution->result);
    event.bytes = bytes;
    event.length = length;
    event.stream = stream;
    event.offset = offset;
    emit(run, &event, NULL);
}

static const char *item_of(const struct execution *execution, size_t unit)
{
    const struct ciplug_command *command = &execution->launch.command;
    return unit == RESULTS_NO_UNIT || !command->items ? NULL : command->items[unit];
}

void run_emit_tests(struct run *run, const struct execution *execution)
{
    const struct results *results = &execution->collecting.now;
    const struct ciplug_command *whole = &execution->launch.command;
    for (size_t i = 0; i < results->n_cases; i++) {
        const struct ciplug_command command = {.size = sizeof command,
                                               .step = whole->step,
                                               .cleanup = whole->cleanup,
                                               .number = whole->number,
                                               .attempt = whole->attempt,
                                               .item = item_of(execution, results->cases[i].unit)};
        struct ciplug_event event =
            command_event(run, CIPLUG_TEST_FINISHED, execution->task->step, &command, NULL);
        event.test = &results->cases[i].test;
        emit(run, &event, NULL);
    }
}

/* Of an item that ran with others: a command of its own, which was not started. */
static void emit_verdict(struct run *run, const struct execution *execution, size_t unit)
{
    const struct verdict *verdict = &execution->collecting.verdicts[unit];
    const struct task *batch = execution->task;
    struct task *task = verdict->task;
    struct launch launch;
    struct launch_place place = {.step = task->step,
                                 .units = task->units,
                                 .n_units = 1,
                                 .number = task->number,
                                 .attempt = batch->attempt,
                                 .slot = batch->slot};
    launch_describe(&launch, &run->executor.launcher, &place);
    struct journal_extra extra = extra_of(run, task->step, batch->slot);
    AUTO_STRBUF struct strbuf reason = STRBUF_INIT;
    const struct results_sum *sum = results_sum(&execution->collecting.now, unit);
    if (sum->bad > 0)
        results_say_bad(&execution->collecting.now, unit, &reason);
    struct ciplug_result result = execution->result;
    result.outcome = verdict->ending.outcome;
    result.flags = verdict->ending.flags;
    result.final = verdict->ending.final;
    result.exit_code = -1;
    result.duration_ns = sum->duration_ns;
    result.reason = verdict->ending.reason ? verdict->ending.reason : strbuf_text(&reason);
    result.batch = batch->number;
    if (outcome_bad(result.outcome) && task->step->allow_failure)
        result.flags |= CIPLUG_FLAG_ALLOWED;
    if (result.final)
        task->outcome = result.outcome;
    struct ciplug_event event =
        command_event(run, CIPLUG_COMMAND_FINISHED, task->step, &launch.command, &result);
    emit(run, &event, &extra);
    launch_free(&launch);
}

void run_emit_verdicts(struct run *run, struct execution *execution)
{
    struct task *batch = execution->task;
    bool passed = false;
    for (size_t i = 0; execution->collecting.verdicts && i < batch->n_units; i++) {
        const struct verdict *verdict = &execution->collecting.verdicts[i];
        if (!verdict->task || !verdict->ending.outcome)
            continue;
        emit_verdict(run, execution, i);
        if (verdict->ending.final && outcome_bad(verdict->task->outcome))
            run_note_place(run, execution);
        passed |= verdict->ending.final && verdict->task->outcome == CIPLUG_PASSED;
    }
    /* For items_from: what those that passed have printed stands together. */
    if (passed && execution->result.log_out) {
        batch->outcome = CIPLUG_PASSED;
        batch->log_out = xstrdup(execution->result.log_out);
    }
}

void run_emit_dropped(struct run *run, struct task *task, int outcome, const char *reason)
{
    struct launch launch;
    struct launch_place place = {.step = task->step,
                                 .units = task->units,
                                 .n_units = task->n_units,
                                 .number = task->number,
                                 .attempt = task->attempt};
    launch_describe(&launch, &run->executor.launcher, &place);
    struct journal_extra extra = extra_of(run, task->step, 0);
    const struct resume_choice *choice = NULL;
    if (task->carried) {
        choice = &run->carried[task->step->index][task->units[0]];
        extra.key = choice->command->key;
        task->log_out = choice->log_out ? xstrdup(choice->log_out) : NULL;
    }
    struct ciplug_result result = {.size = sizeof result,
                                   .outcome = outcome,
                                   .exit_code = -1,
                                   .final = 1,
                                   .reason = reason,
                                   .bytes_out = task->log_out ? choice->command->bytes : 0,
                                   .log_out = task->log_out};
    bool carried = outcome == CIPLUG_SKIPPED && task->carried;
    if (carried)
        result.flags |= CIPLUG_FLAG_CARRIED;
    if (task->step->allow_failure && outcome != CIPLUG_SKIPPED && outcome != CIPLUG_CANCELLED)
        result.flags |= CIPLUG_FLAG_ALLOWED;
    task->outcome = carried ? CIPLUG_PASSED : outcome;
    struct ciplug_event event =
        command_event(run, CIPLUG_COMMAND_FINISHED, task->step, &launch.command, &result);
    emit(run, &event, &extra);
    launch_free(&launch);
}

void run_emit_notice(struct run *run, const char *format, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    struct ciplug_event event = new_event(run, CIPLUG_RUN_NOTICE);
    event.text = strbuf_text(&text);
    emit(run, &event, NULL);
}

void run_emit_finished(struct run *run, int exit_status)
{
    struct ciplug_event event = new_event(run, CIPLUG_RUN_FINISHED);
    event.ledger = &run->ledger.run;
    event.exit_status = exit_status;
    event.text = run->reason;
    struct journal_extra extra = {
        .cleanup = &run->ledger.cleanup, .kept = run->kept, .left = &run->outside.left};
    emit(run, &event, &extra);
}

static void fold(void *data, const struct ciplug_event *event, const struct journal_extra *extra)
{
    (void)extra;
    ledger_event(data, event);
}

bool run_check_journal(struct run *run)
{
    struct ledger replayed = {0};
    struct journal_reader reader = {.event = fold, .data = &replayed};
    uint64_t good = 0;
    if (journal_replay(run->dir.path, &reader, &good) < 0 || good != run->journal.written)
        return false;
    return ledger_equal(&replayed.run, &run->ledger.run) &&
           ledger_equal(&replayed.cleanup, &run->ledger.cleanup);
}

void run_emit_last_record(struct run *run, const char *text)
{
    struct ciplug_event event = new_event(run, CIPLUG_RUN_NOTICE);
    event.text = text;
    (void)journal_event(&run->journal, &event, NULL);
}
