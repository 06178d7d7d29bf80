/* SPDX-License-Identifier: MIT */
#include "launch_build.h"
#include "safeguard.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *path_from(const char *from, const char *path)
{
    return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", from, path);
}

char *launch_path(const struct plan *plan, const char *path)
{
    return path_from(plan->config->dir, path);
}

struct expand_vars launch_vars(const struct launch *launch)
{
    const struct ciplug_command *command = &launch->command;
    return (struct expand_vars){
        .items = launch->items.n ? &launch->items : NULL,
        .item = launch->items.n ? launch->item : NULL,
        .number = launch->number,
        .count = launch->count,
        .worker = command->worker ? launch->worker : NULL,
        .host = launch->host,
        .step = command->step,
        .run = launch->launcher->run,
        .attempt = launch->attempt,
        .project = launch->project,
        .names = &launch->step->matrix_names,
        .values = &launch->values,
    };
}

int launch_expand(const struct launch *launch, struct strbuf *out, const char *text,
                  enum expand_mode mode, const char **error)
{
    struct expand_vars vars = launch_vars(launch);
    return expand(out, text, mode, &vars, error);
}

static void gather_units(struct launch *launch, const struct launch_place *place)
{
    struct strbuf item = STRBUF_INIT, label = STRBUF_INIT;
    for (size_t i = 0; i < place->n_units; i++) {
        const struct unit *unit = &place->step->units[place->units[i]];
        if (unit->item) {
            strv_push(&launch->items, unit->item);
            if (i)
                strbuf_addch(&item, '\n');
            strbuf_addstr(&item, unit->item);
        }
        if (i)
            strbuf_addch(&label, ' ');
        strbuf_addstr(&label, unit->label);
        /* What tells a cell of a matrix apart is its label, also beside an item. */
        strv_push(&launch->names, unit->item && !place->step->n_axes ? unit->item : unit->label);
        if (i == 0)
            strv_copy(&launch->values, &unit->values);
    }
    launch->item = strbuf_detach(&item);
    launch->label = strbuf_detach(&label);
}

static void set_number(char buf[12], uint32_t number)
{
    snprintf(buf, 12, "%u", (unsigned)number);
}

static void fill_command(struct launch *launch, const struct launch_place *place)
{
    struct ciplug_command *command = &launch->command;
    const struct step *step = place->step;
    gather_units(launch, place);
    *command = (struct ciplug_command){
        .size = sizeof *command,
        .step = step->name,
        .cleanup = step->cleanup,
        .number = place->number,
        .count = step->count_all,
        .worker = place->slot,
        .attempt = place->attempt,
        .label = launch->label,
        .shell = step->shell.n ? (const char *const *)step->shell.v : NULL,
        .run = launch->launcher->run,
        .owner = launch->launcher->owner,
        .config_dir = launch->launcher->plan->config->dir,
        .run_dir = launch->launcher->run_dir,
        .paths_from = launch->launcher->plan->config->dir,
    };
    /* A plain number is no item, unless one command stands for several. */
    if (launch->items.n || step->n_axes || place->n_units > 1) {
        AUTO_STRBUF struct strbuf all = STRBUF_INIT;
        for (size_t i = 0; i < launch->names.n; i++)
            strbuf_addf(&all, "%s%s", i ? "\n" : "", launch->names.v[i]);
        launch->name = strbuf_detach(&all);
        command->item = launch->name;
        command->items = (const char *const *)launch->names.v;
    }
    set_number(launch->number, place->number);
    set_number(launch->count, step->count_all);
    set_number(launch->worker, place->slot);
    set_number(launch->attempt, place->attempt ? place->attempt : 1);
    if (!place->slot)
        return;
    const struct host *host = plan_slot_host(launch->launcher->plan, place->slot);
    launch->host = xstrdup(host->name);
    command->host_slot = place->slot - host->first + 1;
    command->host_slots = host->slots;
    launch->project = xasprintf("ci%sw%u", launch->launcher->run, (unsigned)place->slot);
    command->host = launch->host;
    command->project = launch->project;
}

static int expand_command(struct launch *launch, const char **error)
{
    const struct step *step = launch->step;
    if (!step->command.text)
        return 0;
    if (step->shell.n) {
        AUTO_STRBUF struct strbuf script = STRBUF_INIT;
        if (launch_expand(launch, &script, step->command.text, EXPAND_SHELL, error) < 0)
            return -1;
        launch->script = strbuf_detach(&script);
        launch->command.script = launch->script;
        return 0;
    }
    struct expand_vars vars = launch_vars(launch);
    if (expand_words(&launch->words, step->command.text, &vars, error) < 0)
        return -1;
    launch->command.words = (const char *const *)launch->words.v;
    return 0;
}

static int add_env(const struct launch *launch, struct strv *env, const struct setting *settings,
                   size_t n, const char **error)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = strchr(settings[i].text, '=') + 1;
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        strbuf_add(&text, settings[i].text, (size_t)(value - settings[i].text));
        if (launch_expand(launch, &text, value, EXPAND_TEXT, error) < 0)
            return -1;
        strv_setenv(env, strbuf_text(&text));
    }
    return 0;
}

static void set_ci(struct strv *env, const char *name, const char *value)
{
    AUTO_FREE char *text = xasprintf("%s=%s", name, value ? value : "");
    strv_setenv(env, text);
}

static void set_fixed_env(const struct launch *launch, struct strv *env)
{
    set_ci(env, "CI", "true");
    set_ci(env, "CI_COMMAND_NUMBER", launch->number);
    set_ci(env, "CI_WORKER_NUMBER", launch->worker);
    set_ci(env, "CI_ITEM", launch->items.n ? launch->item : launch->command.item);
    set_ci(env, "CI_STEP", launch->step->name);
    set_ci(env, "CI_HOST", launch->host);
    set_ci(env, "CI_ATTEMPT", launch->attempt);
    set_ci(env, "CI_RUN_ID", launch->launcher->run);
    set_ci(env, "PROJECT_NAME", launch->project);
}

static int set_surroundings(struct launch *launch, const struct host *host, const char **error)
{
    const struct step *step = launch->step;
    struct strv *env = &launch->argv.env;
    /* What is the command's own goes wherever it runs; a host's is for the client tools here. */
    if (add_env(launch, &launch->own, step->env, step->n_env, error) < 0)
        return -1;
    set_fixed_env(launch, &launch->own);
    if (add_env(launch, env, step->env, step->n_env, error) < 0)
        return -1;
    if (host && add_env(launch, env, host->env, host->n_env, error) < 0)
        return -1;
    set_fixed_env(launch, env);
    strv_copy(&launch->side.env, &launch->argv.env);
    launch->side.cwd = xstrdup(launch->launcher->plan->config->dir);
    AUTO_STRBUF struct strbuf cwd = STRBUF_INIT;
    if (step->cwd.text && launch_expand(launch, &cwd, step->cwd.text, EXPAND_TEXT, error) < 0)
        return -1;
    launch->argv.cwd = cwd.len ? launch_path(launch->launcher->plan, cwd.buf)
                               : xstrdup(launch->launcher->plan->config->dir);
    return 0;
}

char *launch_option(const char *from, const struct ciplug_option *option,
                    const struct config_value *set, const struct expand_vars *vars)
{
    const char *raw = set ? set->value : option->def;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *error;
    if (!raw || expand(&text, raw, EXPAND_TEXT, vars, &error) < 0)
        return NULL;
    return option->type == CIPLUG_OPTION_PATH ? path_from(from, strbuf_text(&text))
                                              : strbuf_detach(&text);
}

/* NULL, or why that may not be run. */
static const char *refuse_secrets(const struct launch *launch, const struct argv *argv)
{
    for (size_t i = 0; i < argv->words.n; i++) {
        if (SAFEGUARD(secrets_in_argv) &&
            plan_holds_secret(launch->launcher->plan, argv->words.v[i]))
            return "a masked value would stand in the command's arguments, which everybody "
                   "on the machine can read: use the variable instead";
    }
    return NULL;
}

void launch_describe(struct launch *launch, const struct launcher *launcher,
                     const struct launch_place *place)
{
    *launch = (struct launch){.step = place->step, .launcher = launcher};
    fill_command(launch, place);
}

int launch_surroundings(struct launch *launch, const struct launcher *launcher,
                        const struct launch_place *place, char **error)
{
    const struct host *host = plan_slot_host(launcher->plan, place->slot);
    const char *why = NULL;
    launch_describe(launch, launcher, place);
    if (set_surroundings(launch, host, &why) == 0)
        return 0;
    *error = xstrdup(why);
    return -1;
}

int launch_make(struct launch *launch, const struct launcher *launcher,
                const struct launch_place *place, char **error)
{
    const struct host *host = place->slot ? plan_slot_host(launcher->plan, place->slot) : NULL;
    const char *why = NULL;
    launch_describe(launch, launcher, place);
    if (expand_command(launch, &why) < 0 || set_surroundings(launch, host, &why) < 0) {
        *error = xstrdup(why);
        return -1;
    }
    if (launch_build(launch, place, error) < 0)
        return -1;
    why = refuse_secrets(launch, &launch->argv);
    if (why) {
        *error = xstrdup(why);
        return -1;
    }
    return 0;
}

void launch_free(struct launch *launch)
{
    argv_free(&launch->argv);
    strv_free(&launch->own);
    strv_free(&launch->env_names);
    strbuf_free(&launch->prelude);
    intents_free(&launch->intents);
    argv_free(&launch->side);
    free(launch->shown);
    strv_free(&launch->items);
    strv_free(&launch->names);
    strv_free(&launch->words);
    strv_free(&launch->values);
    strv_free(&launch->borrowed);
    free(launch->item);
    free(launch->name);
    free(launch->label);
    free(launch->project);
    free(launch->script);
    free(launch->host);
    free(launch->place_cwd);
}

static void add_script(struct argv *argv, const char *script)
{
    strv_push(&argv->words, "sh");
    strv_push(&argv->words, "-ec");
    strv_push(&argv->words, script);
}

int launch_side(const struct launch *launch, const char *script, struct argv *argv,
                const char **error)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    if (launch_expand(launch, &text, script, EXPAND_SHELL, error) < 0)
        return -1;
    argv_copy(argv, &launch->side);
    add_script(argv, strbuf_text(&text));
    *error = refuse_secrets(launch, argv);
    return *error ? -1 : 0;
}

void launch_if(const struct launcher *launcher, const struct step *step, struct argv *argv)
{
    argv->cwd = xstrdup(launcher->plan->config->dir);
    set_ci(&argv->env, "CI", "true");
    set_ci(&argv->env, "CI_STEP", step->name);
    set_ci(&argv->env, "CI_RUN_ID", launcher->run);
    add_script(argv, step->if_command.text);
}
