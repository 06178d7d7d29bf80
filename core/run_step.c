/* SPDX-License-Identifier: MIT */
#include "console_format.h"
#include "run_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IF_TIMEOUT_NS (300 * NS_PER_S)

/* An `if` command that runs. */
struct asked {
    struct run *run;
    struct step *step;
    struct side *side;
    uint64_t since_ns;
    bool rushed; /* ran when a second signal came */
    struct asked *next;
};

static void forget(struct asked *asked)
{
    struct asked **link = &asked->run->asked;
    while (*link != asked)
        link = &(*link)->next;
    *link = asked->next;
    free(asked);
}

void run_kill_asked(struct run *run, bool rushed_only)
{
    for (struct asked *asked = run->asked; asked; asked = asked->next) {
        if (asked->rushed || !rushed_only)
            side_kill(asked->side);
    }
}

void run_rush_asked(struct run *run)
{
    for (struct asked *asked = run->asked; asked; asked = asked->next)
        asked->rushed = true;
}

void run_describe_asked(const struct run *run, struct strbuf *out)
{
    for (const struct asked *asked = run->asked; asked; asked = asked->next) {
        strbuf_addf(out, "  if of %s for ", asked->step->name);
        format_elapsed(out, run_now(run) - asked->since_ns);
        strbuf_addch(out, '\n');
    }
}

/* What the passing commands of the step printed. */
static int lines_of(struct run *run, const struct step *step, struct strv *lines, char **error)
{
    size_t n;
    const struct step *source = &run->plan->steps[step->items_from];
    const struct task *const *tasks = schedule_tasks(run->steps, source, &n);
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *why = NULL;
        const char *path = tasks[i]->log_out;
        if (tasks[i]->batch && !path)
            continue; /* what it printed stands with the others of its batch */
        if (tasks[i]->outcome != CIPLUG_PASSED || (path && plan_read_lines(path, lines, &why) == 0))
            continue;
        *error = xasprintf("items_from: %s %s", path ? path : source->name,
                           why ? why : "left no log of what it printed");
        return -1;
    }
    return 0;
}

/* The command's log goes with it, unless others wrote into it too. */
static bool keep_log(struct run *run, const struct step *step, const struct planned *planned,
                     struct resume_choice *choice)
{
    const struct resume_command *older = choice->command;
    bool needed = resume_is_source(run->plan, step) && SAFEGUARD(resume_log);
    if (older->log_out && older->n_all == planned->n)
        choice->log_out = rundir_keep_log(&run->dir, step->name, planned->number, older->log_out,
                                          older->bytes, needed);
    return choice->log_out || !needed;
}

static void carry_command(struct run *run, struct step *step, const struct planned *planned,
                          struct resume_choice *choices)
{
    AUTO_FREE char *reason = xasprintf("passed in run %s", run->resume->run);
    struct resume_choice *first = &choices[planned->units[0]];
    /* It was there a moment ago: then it runs again. */
    bool kept = first->carried && keep_log(run, step, planned, first);
    for (size_t i = 0; i < planned->n; i++) {
        size_t unit = planned->units[i];
        choices[unit].carried = kept;
        if (kept)
            schedule_carry(run->current, step, unit, reason);
    }
}

static void carry_units(struct run *run, struct step *step)
{
    struct resume_choice *choices = resume_choose(run->resume, run->plan, step);
    run->carried[step->index] = choices;
    run->n_carried[step->index] = step->n_units;
    resume_regroup(run->plan, step, choices);
    for (size_t i = 0; i < step->n_commands; i++)
        carry_command(run, step, &step->commands[i], choices);
}

/* Where its commands are not known nothing of it is counted, and the run is no pass all the same.
 */
static void fail_to_open(struct run *run, struct step *step, const char *reason)
{
    run->incomplete |= !step->cleanup && !step->allow_failure && SAFEGUARD(unopened_is_no_pass);
    schedule_opened(run->current, step, OPENED_ERROR, reason);
}

static void find_commands(struct run *run, struct step *step)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    AUTO_FREE char *error = NULL;
    bool from = !step->cleanup && step->source == SOURCE_ITEMS_FROM;
    if ((from && lines_of(run, step, &lines, &error) < 0) ||
        plan_step_commands(run->plan, step, from ? &lines : NULL, &error) < 0) {
        fail_to_open(run, step, error);
        return;
    }
    for (size_t i = 0; step->n_units == 0 && i < step->globs.n; i++)
        run_emit_notice(run, "no item of step %s matches '%s'", step->name, step->globs.v[i]);
    if (run->resume && !step->cleanup)
        carry_units(run, step);
    schedule_opened(run->current, step, OPENED_RUN, NULL);
}

static void on_if_done(void *data, int status, const char *what)
{
    struct asked *asked = data;
    struct run *run = asked->run;
    struct step *step = asked->step;
    forget(asked);
    AUTO_FREE char *reason = xasprintf("if: %s", *what ? what : "said no");
    if (status == 0)
        find_commands(run, step);
    else if (status == 1)
        schedule_opened(run->current, step, OPENED_SKIP, reason);
    else
        fail_to_open(run, step, reason);
    run_pump(run);
}

static void ask_if(struct run *run, struct step *step)
{
    static const struct side_hooks hooks = {.done = on_if_done};
    AUTO_ARGV struct argv argv = ARGV_INIT;
    launch_if(&run->executor.launcher, step, &argv);
    struct asked *asked = xcalloc(1, sizeof *asked);
    asked->run = run;
    asked->step = step;
    asked->since_ns = run_now(run);
    asked->next = run->asked;
    run->asked = asked;
    uint64_t limit = step->timeout_ns ? step->timeout_ns : IF_TIMEOUT_NS;
    if (run->executor.rushed)
        limit = RUSHED_NS;
    asked->side = side_start(&run->hands, &argv, limit, run->mask, &hooks, asked);
    if (asked->side)
        return;
    AUTO_FREE char *reason = xasprintf("if: could not be started: %s", strerror(errno));
    forget(asked);
    fail_to_open(run, step, reason);
}

/* Why a cleanup step is not due, or NULL. */
static const char *not_due(const struct run *run, const struct step *step)
{
    bool failed = run->signo || run->no_verdict || run->timed_out || schedule_failed(run->steps);
    if (step->when == WHEN_SUCCESS && failed)
        return "when = success, and the run failed";
    if (step->when == WHEN_FAILURE && !failed)
        return "when = failure, and nothing failed";
    for (size_t i = 0; i < step->n_needs; i++) {
        if (schedule_started(run->steps, &run->plan->steps[step->needs[i]]))
            return NULL;
    }
    return step->n_needs ? "no step that it needs was started" : NULL;
}

void run_open_step(struct run *run, struct step *step)
{
    run_hosts_want(run, step);
    const char *reason = step->cleanup ? not_due(run, step) : NULL;
    if (reason)
        schedule_opened(run->current, step, OPENED_SKIP, reason);
    else if (step->if_command.text)
        ask_if(run, step);
    else
        find_commands(run, step);
}
