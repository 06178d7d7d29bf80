/* SPDX-License-Identifier: MIT */
#include "output.h"
#include "reap.h"
#include "run_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESUME_PATIENCE_NS (10 * NS_PER_S)

static void on_message(void *data, const char *line, size_t length)
{
    screen_text(data, line, length, false);
}

int run_start_screen(struct run *run)
{
    const struct run_options *options = run->options;
    struct console_settings settings = {
        .output = options->output,
        .color = screen_wants_color(output_fd(), options->color),
        .progress = screen_is_terminal(output_fd()) && strcmp(options->progress, "auto") == 0,
        .heartbeat = strcmp(options->progress, "none") != 0,
        .verbosity = options->verbosity,
    };
    settings.heartbeat &= !settings.progress;
    run->screen = screen_new(output_fd(), settings.color);
    if (!run->screen) {
        msg(MSG_ERROR, "cannot start the thread for the screen: %s", strerror(errno));
        return -1;
    }
    settings.screen = run->screen;
    settings.clock = &run->clock;
    settings.events = &run->events;
    run->console = console_new(&settings);
    events_add(&run->events, NULL, &console_reporter, run->console);
    msg_set_sink(isatty(2) && settings.progress ? on_message : NULL, run->screen);
    return 0;
}

/* What was started there without an end may still be at it: it ends before it starts again. The
 * sweep at the start does not wait for somebody who is just reaping that run; this does. -1 after a
 * message. */
static int end_what_it_left(struct run *run, const char *path)
{
    uint64_t now = clock_mono_ns();
    struct reap reap = {.by = "resume",
                        .end_ns = now + RESUME_PATIENCE_NS,
                        .keeper = run->keeper,
                        .loaded = run->plan->plugins,
                        .more = &run->reapers,
                        .each_ns = RESUME_PATIENCE_NS,
                        .outside_end_ns = now + 2 * RESUME_PATIENCE_NS};
    enum reap_result result = SAFEGUARD(swept_before_resume) ? reap_run(&reap, path) : REAP_NOTHING;
    while (result == REAP_BUSY && clock_mono_ns() < reap.end_ns) {
        reap_clear(&reap);
        poll(NULL, 0, 20);
        result = reap_run(&reap, path);
    }
    int error = errno;
    const char *id = strrchr(path, '/') + 1;
    if (result == REAP_ALIVE || result == REAP_BUSY)
        msg(MSG_ERROR, "run %s is in use", id);
    else if (result == REAP_FAILED)
        msg(MSG_ERROR, "cannot look for what run %s left: %s", id, strerror(error));
    for (size_t i = 0; i < reap.reaped.left.n; i++)
        msg(MSG_WARNING, "run %s left %s", id, reap.reaped.left.v[i]);
    reap_clear(&reap);
    return result == REAP_DONE || result == REAP_NOTHING ? 0 : -1;
}

static int load_resume(struct run *run)
{
    if (!run->options->resume)
        return 0;
    const char *name = *run->options->resume ? run->options->resume : NULL;
    AUTO_FREE char *path = resume_find(run->options->state_dir, name);
    if (!path || end_what_it_left(run, path) < 0)
        return -1;
    run->resume = xcalloc(1, sizeof *run->resume);
    run->carried = xcalloc(run->plan->n_steps, sizeof *run->carried);
    run->n_carried = xcalloc(run->plan->n_steps, sizeof *run->n_carried);
    return resume_load(run->resume, run->plan, run->keys, path);
}

/* What no change of the configuration would mend is no fault of it. */
static int failed_by(int error)
{
    static const int ours[] = {ENOSPC, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM};
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        if (ours[i] == error && SAFEGUARD(full_disk_status))
            return 3;
    }
    return 2;
}

/* 0, or the exit status. */
static int take_over(struct run *run)
{
    if (!run->resume || resume_file_write(run->resume, run->dir.path) == 0)
        return 0;
    int error = errno;
    msg(MSG_ERROR, "cannot write what passed before into %s: %s", run->dir.path, strerror(error));
    return failed_by(error);
}

int run_open_records(struct run *run)
{
    run->journal.fd = -1;
    run->dir.fd = run->dir.lock = -1;
    run->keys = resume_keys(run->plan);
    if (load_resume(run) < 0)
        return 2;
    if (rundir_create(&run->dir, run->options->state_dir) < 0)
        return failed_by(run->dir.error);
    /* What was taken over comes before the first record: without that, a run has not begun. */
    int taken = take_over(run);
    if (taken)
        return taken;
    AUTO_FREE char *path = xasprintf("%s/journal.jsonl", run->dir.path);
    if (journal_create(&run->journal, path) < 0) {
        int error = errno;
        msg(MSG_ERROR, "cannot create %s: %s", path, strerror(error));
        return failed_by(error);
    }
    run->mask = run->plan->mask;
    run->journal.mask = run->mask;
    return 0;
}

static const char *option_of_run(void *data, const struct plugin *plugin,
                                 const struct ciplug_option *option)
{
    struct run *run = data;
    const struct expand_vars vars = {.run = run->dir.run};
    char *value =
        launch_option(run->plan->config->dir, option,
                      plan_option(run->plan, NULL, NULL, plugin->table.name, option->name), &vars);
    if (value)
        strv_take(&run->option_values, value);
    return value;
}

void run_add_reporters(struct run *run)
{
    run->plan->plugins->run_option = option_of_run;
    run->plan->plugins->run_option_data = run;
    for (size_t i = 0; i < run->plan->plugins->n; i++) {
        struct plugin *plugin = run->plan->plugins->list[i];
        if (plugin->reporter.event)
            events_add(&run->events, plugin->table.name, &plugin->reporter, plugin->self);
    }
}
