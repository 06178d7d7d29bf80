/* SPDX-License-Identifier: MIT */
#include "atomicfile.h"
#include "config.h"
#include "console.h"
#include "event.h"
#include "interrupted.h"
#include "journal.h"
#include "options.h"
#include "output.h"
#include "rundir.h"
#include "safeguard.h"
#include "util.h"
#include "verbs.h"
#include "visible.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct events *events;
    struct interrupted interrupted;
};

static void on_event(void *data, const struct ciplug_event *event,
                     const struct journal_extra *extra)
{
    struct reading *reading = data;
    (void)extra;
    interrupted_event(&reading->interrupted, event);
    events_emit(reading->events, event);
}

static int replay_run(const char *path, struct events *events)
{
    struct reading reading = {.events = events};
    struct journal_reader reader = {.event = on_event, .data = &reading};
    uint64_t good;
    int status = 0;
    /* Asked first: a run that ends meanwhile may not be taken for a killed one. */
    bool alive = rundir_alive(path);
    if (journal_replay(path, &reader, &good) < 0) {
        msg(MSG_ERROR, "cannot read the journal of %s: %s", path, strerror(errno));
        status = 2;
    } else if (!alive && SAFEGUARD(interrupted_commands)) {
        interrupted_emit(&reading.interrupted, events);
    } else if (alive && !reading.interrupted.finished) {
        msg(MSG_NOTICE, "run %s still goes on: the report has what has ended so far",
            strrchr(path, '/') + 1);
    }
    interrupted_free(&reading.interrupted);
    return status;
}

static int replay(const struct cli *cli, struct events *events)
{
    int status = 0;
    for (size_t i = 0; i < (cli->words.n ? cli->words.n : 1); i++) {
        AUTO_FREE char *path =
            rundir_find(cli->run.state_dir, cli->words.n ? cli->words.v[i] : NULL);
        int one = path ? replay_run(path, events) : 2;
        status = status ? status : one;
    }
    return status;
}

/* ---- the console ---- */

/* `plugin` (may be NULL) says what stands around the output of commands. */
static int print_console(const struct cli *cli, int fd, const char *path,
                         const struct plugin *plugin)
{
    struct events events = {0};
    struct console_settings settings = {.output = cli->run.output,
                                        .color = screen_wants_color(fd, cli->run.color),
                                        .verbosity = cli->run.verbosity,
                                        .replay = true,
                                        .events = &events};
    settings.screen = screen_new(fd, settings.color);
    if (!settings.screen) {
        msg(MSG_ERROR, "cannot start the thread for output: %s", strerror(errno));
        return 3;
    }
    struct console *console = console_new(&settings);
    events_add(&events, NULL, &console_reporter, console);
    if (plugin)
        events_add(&events, plugin->table.name, &plugin->reporter, plugin->self);
    int status = replay(cli, &events);
    if (events_finish(&events) < 0 && status == 0)
        status = 3;
    int error = screen_free(settings.screen, 60 * NS_PER_S, NULL);
    if (error && error != EPIPE) {
        msg(MSG_ERROR, "cannot write %s: %s", path, strerror(error));
        status = status ? status : 3;
    }
    console_free(console);
    events_free(&events);
    return status;
}

static int report_to_console(const struct cli *cli, const char *path)
{
    struct atomicfile file;
    if (!path)
        return print_console(cli, output_fd(), "standard output", NULL);
    int status = atomicfile_open(&file, path) < 0 ? 3 : print_console(cli, file.fd, path, NULL);
    if (file.fd < 0 || atomicfile_close(&file, status == 0) < 0) {
        msg(MSG_ERROR, "cannot write %s: %s", path, strerror(errno));
        status = status ? status : 3;
    }
    return status;
}

/* ---- reporters of plugins ---- */

/* What the command line says of the reporter's options; no file of a project is read. */
struct settings {
    const char *path; /* NULL: not given */
    struct config config;
};

static const char *option_of_report(void *data, const struct plugin *plugin,
                                    const struct ciplug_option *option)
{
    const struct settings *settings = data;
    bool is_file = strcmp(option->name, "file") == 0;
    if (is_file && settings->path)
        return settings->path;
    const struct config_section *section = config_find(&settings->config, plugin->table.name, NULL);
    const struct config_value *value = section ? config_get(section, option->name) : NULL;
    return value ? value->value : is_file ? "/dev/stdout" : option->def;
}

/* Those of other reporters, too. */
static void read_settings(struct settings *settings, const struct cli *cli,
                          struct problems *problems)
{
    for (size_t i = 0; i < cli->set.n; i++)
        config_set(&settings->config, cli->set.v[i], problems);
}

static void check_settings(const struct settings *settings, const struct plugin *plugin,
                           struct problems *problems)
{
    static const struct ciplug_option *const none[] = {NULL};
    const struct config_section *section = config_find(&settings->config, plugin->table.name, NULL);
    if (section)
        options_check_section(section, plugin->options ? plugin->options : none, NULL, NULL,
                              problems);
}

static const char *why_unfit(const struct plugin *plugin, const char *path)
{
    bool has_file = plugin->options && option_find(plugin->options, "file");
    if (!plugin->reporter.event)
        return "is no reporter";
    return path && !has_file ? "writes no file" : NULL;
}

static int report_by(const struct cli *cli, struct plugin *plugin)
{
    /* One that writes nothing itself has its say around what the console shows. */
    if (plugin->reporter.mark && !(plugin->options && option_find(plugin->options, "file")))
        return print_console(cli, output_fd(), "standard output", plugin);
    struct events events = {0};
    events_add(&events, plugin->table.name, &plugin->reporter, plugin->self);
    int status = replay(cli, &events);
    /* A run that is not there makes no report: the old one stays. */
    if (status == 0 && events_finish(&events) < 0)
        status = 3;
    events_free(&events);
    return status;
}

static int report_to_plugin(const struct cli *cli, const char *name, char *path)
{
    struct plugins plugins;
    struct problems problems = {0};
    struct settings settings = {.path = path};
    read_settings(&settings, cli, &problems);
    plugins_init(&plugins, cli->plugin_path);
    plugins.run_option = option_of_report;
    plugins.run_option_data = &settings;
    struct plugin *plugin = plugins_load(&plugins, name, "--to", 0, &problems);
    const char *unfit = plugin ? why_unfit(plugin, path) : NULL;
    int status = 2;
    if (plugin)
        check_settings(&settings, plugin, &problems);
    if (unfit)
        problems_add(&problems, "--to", 0, "plugin '%s' %s", name, unfit);
    else if (!plugin)
        problems_add(&problems, "--to", 0, "without a plugin there is 'console'");
    else if (problems.n == 0 && plugins_open(&plugins, &problems) == 0)
        status = report_by(cli, plugin);
    problems_print(&problems);
    problems_free(&problems);
    plugins_close(&plugins);
    config_free(&settings.config);
    return status;
}

static int report_to(const struct cli *cli, const char *to)
{
    const char *equals = strchr(to, '=');
    AUTO_FREE char *name = xstrndup(to, strcspn(to, "="));
    AUTO_FREE char *path = equals ? xstrdup(equals + 1) : NULL;
    if (strcmp(name, "console") == 0)
        return report_to_console(cli, path);
    return report_to_plugin(cli, name, path);
}

/* One for a reporter that is not asked, or for the console, which has no options, would do nothing.
 */
static int refuse_strangers(const struct cli *cli)
{
    for (size_t i = 0; i < cli->set.n; i++) {
        AUTO_FREE char *name = xstrndup(cli->set.v[i], strcspn(cli->set.v[i], ".="));
        size_t length = strlen(name), k = 0;
        while (k < cli->to.n &&
               (strncmp(cli->to.v[k], name, length) != 0 || strcspn(cli->to.v[k], "=") != length))
            k++;
        if (k < cli->to.n && strcmp(name, "console") != 0)
            continue;
        AUTO_FREE char *shown = visible(cli->set.v[i]);
        msg(MSG_ERROR, "--set: '%s' is for no reporter of a plugin in --to", shown);
        return 2;
    }
    return 0;
}

int verb_report(const struct cli *cli)
{
    int status = refuse_strangers(cli);
    if (status)
        return status;
    for (size_t i = 0; i < cli->to.n; i++) {
        int one = report_to(cli, cli->to.v[i]);
        status = status ? status : one;
    }
    return cli->to.n ? status : report_to(cli, "console");
}
