/* SPDX-License-Identifier: MIT
 *
 * Templates and secrets: what stands in a command can be read by everybody on the machine, so no
 * secret may get there.
 */
#include "argv.h"
#include "expand.h"
#include "plan_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static void check_secrets(struct build *b, const struct setting *setting)
{
    const struct plan *plan = b->plan;
    for (size_t i = 0; i < plan->mask_names.n; i++) {
        AUTO_FREE char *placeholder = xasprintf("{env:%s}", plan->mask_names.v[i]);
        if (strstr(setting->text, placeholder))
            problems_add(b->problems, setting->file, setting->line,
                         "%s would put a secret (mask) where others can read it: the command finds "
                         "it in the variable %s",
                         placeholder, plan->mask_names.v[i]);
    }
    if (plan_holds_secret(plan, setting->text))
        problems_add(b->problems, setting->file, setting->line,
                     "this holds the value of a secret (mask): write the variable's name");
}

static void check_template(struct build *b, const struct setting *setting, enum expand_mode mode,
                           const struct expand_allowed *allowed)
{
    if (!setting->text)
        return;
    (void)expand_check(setting->text, mode, allowed, setting->file, setting->line, b->problems);
    check_secrets(b, setting);
}

static void check_env(struct build *b, const struct setting *env, size_t n_env,
                      const struct expand_allowed *allowed)
{
    for (size_t i = 0; i < n_env; i++)
        (void)expand_check(strchr(env[i].text, '=') + 1, EXPAND_TEXT, allowed, env[i].file,
                           env[i].line, b->problems);
}

/* PLUGIN.OPTION keys; `prefix`: in the plugin's own section the keys have none. */
static void check_option(struct build *b, const struct plugin *plugin, const char *name,
                         const struct config_value *value, const struct expand_allowed *allowed)
{
    for (size_t i = 0; plugin->options && plugin->options[i]; i++) {
        const struct ciplug_option *option = plugin->options[i];
        bool text = option->type == CIPLUG_OPTION_STRING || option->type == CIPLUG_OPTION_WORDS ||
                    option->type == CIPLUG_OPTION_PATH;
        if (strcmp(option->name, name) != 0 || !text)
            continue;
        const struct setting setting = plan_setting(value);
        check_template(b, &setting, EXPAND_TEXT, allowed);
    }
}

static void check_option_keys(struct build *b, const struct config_section *section,
                              const struct expand_allowed *allowed)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct config_value *value = &section->values[i];
        const char *dot = strchr(value->key, '.');
        if (!dot)
            continue;
        AUTO_FREE char *name = xstrndup(value->key, (size_t)(dot - value->key));
        const struct plugin *plugin = plugins_find(b->plugins, name);
        if (plugin)
            check_option(b, plugin, dot + 1, value, allowed);
    }
}

static void check_command(struct build *b, const struct step *step,
                          const struct expand_allowed *allowed)
{
    bool split = step->shell.n == 0;
    AUTO_STRV struct strv words = STRV_INIT;
    const char *error;
    check_template(b, &step->command, split ? EXPAND_TEXT : EXPAND_SHELL, allowed);
    if (step->command.text && split && argv_split(&words, step->command.text, &error) < 0)
        problems_add(b->problems, step->command.file, step->command.line, "command: %s", error);
}

/* The file is opened here, and nothing carries it to another machine or into a container. */
static void check_stdin(struct build *b, struct step *step)
{
    bool remote = false;
    for (size_t i = 0; i < step->n_uses; i++)
        remote = remote || (step->uses[i].builder->flags & CIPLUG_BUILDER_REMOTE);
    for (size_t i = 0; i < step->hosts.n; i++) {
        const struct host *host = &b->plan->hosts[step->on_hosts[i]];
        for (size_t k = 0; k < host->n_uses; k++)
            remote = remote || (host->uses[k].builder->flags & CIPLUG_BUILDER_REMOTE);
    }
    if (!remote || !step->stdin_file.text)
        return;
    const struct config_value *own = config_get(step->section, "stdin");
    if (own)
        plan_complain(b, own,
                      "stdin reaches only commands on this machine, not in a container or "
                      "on a host");
    step->stdin_file = (struct setting){0};
}

static void check_step(struct build *b, struct step *step)
{
    const struct expand_allowed allowed = {.items = plan_has_items(step),
                                           .names = &step->matrix_names};
    check_stdin(b, step);
    check_command(b, step, &allowed);
    check_template(b, &step->on_failure, EXPAND_SHELL, &allowed);
    check_template(b, &step->ready, EXPAND_SHELL, &allowed);
    check_template(b, &step->cwd, EXPAND_TEXT, &allowed);
    check_template(b, &step->stdin_file, EXPAND_TEXT, &allowed);
    check_template(b, &step->artifacts, EXPAND_TEXT, &allowed);
    check_template(b, &step->results, EXPAND_TEXT, &allowed);
    check_template(b, &step->lock, EXPAND_TEXT, &allowed);
    if (step->if_command.text)
        check_secrets(b, &step->if_command);
    check_env(b, step->env, step->n_env, &allowed);
    check_option_keys(b, step->section, &allowed);
}

/* The options of a reporter belong to the run and to no command. */
static void check_has_value(struct build *b, const struct config_value *value)
{
    const struct expand_vars of_a_run = {.run = "run"};
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *error;
    if (expand(&text, value->value, EXPAND_TEXT, &of_a_run, &error) < 0)
        plan_complain(b, value, "%s: %s; {run} and {env:NAME} have one", value->key, error);
}

static void check_section(struct build *b, const struct plugin *plugin,
                          const struct config_section *section,
                          const struct expand_allowed *allowed)
{
    bool reports = plugin->reporter.event && plugin->n_builders == 0;
    for (size_t i = 0; i < section->n; i++) {
        size_t problems = b->problems->n;
        check_option(b, plugin, section->values[i].key, &section->values[i], allowed);
        if (reports && b->problems->n == problems)
            check_has_value(b, &section->values[i]);
    }
}

/* Which step a plugin's or host's option will meet is not known here: what fits any is fine. */
static void check_shared(struct build *b)
{
    const struct expand_allowed any = {.items = true, .names = &b->axis_names};
    const struct expand_allowed none = {.items = false, .names = NULL};
    for (size_t i = 0; i < b->config->n; i++) {
        const struct config_section *section = &b->config->sections[i];
        const struct plugin *plugin = plugins_find(b->plugins, section->kind);
        if (plugin)
            check_section(b, plugin, section, &any);
    }
    for (size_t i = 0; i < b->plan->n_hosts; i++) {
        const struct host *host = &b->plan->hosts[i];
        check_env(b, host->env, host->n_env, &none);
        if (host->section)
            check_option_keys(b, host->section, &any);
    }
}

void plan_check_templates(struct build *b)
{
    for (size_t i = 0; i < b->plan->n_steps; i++)
        check_step(b, &b->plan->steps[i]);
    for (size_t i = 0; i < b->plan->n_cleanups; i++)
        check_step(b, &b->plan->cleanups[i]);
    check_shared(b);
}
