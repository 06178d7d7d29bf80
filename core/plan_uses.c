/* SPDX-License-Identifier: MIT
 *
 * What a plan takes from plugins: builders in `uses`, PLUGIN.OPTION keys, sections of plugins.
 */
#include "options.h"
#include "plan_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static char *plugin_path(const struct config *config, const char *word)
{
    if (strchr(word, '/') == NULL || *word == '/')
        return xstrdup(word);
    return xasprintf("%s/%s", config->dir, word);
}

void plan_load_plugins(const struct config *config, struct plugins *plugins,
                       struct problems *problems)
{
    const struct config_section *run = config_find(config, "ciplug", NULL);
    const struct config_value *value = run ? config_get(run, "plugins") : NULL;
    AUTO_STRV struct strv words = STRV_INIT;
    strv_split(&words, value ? value->value : "");
    if (!strv_has(&words, "shell") && !plugins_find(plugins, "shell"))
        plugins_load(plugins, "shell", NULL, 0, problems);
    for (size_t i = 0; i < words.n; i++) {
        AUTO_FREE char *name = plugin_path(config, words.v[i]);
        if (!plugins_find(plugins, name))
            plugins_load(plugins, name, value->file, value->line, problems);
    }
}

/* Whether [ciplug] plugins asks for it, by name or path: then it was already said why it is not
 * there. */
static bool wanted(const struct build *b, const char *name)
{
    if (strcmp(name, "shell") == 0)
        return true;
    for (size_t i = 0; i < b->wanted.n; i++) {
        const char *slash = strrchr(b->wanted.v[i], '/');
        const char *base = slash ? slash + 1 : b->wanted.v[i];
        size_t n = strlen(name);
        if (strncmp(base, name, n) == 0 && (!base[n] || strcmp(base + n, ".so") == 0))
            return true;
    }
    return false;
}

static void loaded_names(const struct build *b, struct strv *names)
{
    for (size_t i = 0; i < b->plugins->n; i++)
        strv_push(names, b->plugins->list[i]->table.name);
}

static void not_loaded(struct build *b, const struct config_value *at, const char *name)
{
    if (wanted(b, name))
        return;
    AUTO_STRV struct strv names = STRV_INIT;
    loaded_names(b, &names);
    plugins_list(b->plugins, &names);
    AUTO_FREE char *hint = strv_has(&names, name) ? xstrdup("") : plan_hint(name, &names);
    plan_complain(b, at, "plugin %s is not loaded: add it to plugins in [ciplug]%s", name, hint);
}

static void no_builder(struct build *b, const struct config_value *at, const char *word)
{
    AUTO_FREE char *name = xstrndup(word, strcspn(word, "."));
    const struct plugin *plugin = plugins_find(b->plugins, name);
    if (!plugin) {
        not_loaded(b, at, name);
        return;
    }
    AUTO_STRV struct strv all = STRV_INIT;
    AUTO_STRBUF struct strbuf list = STRBUF_INIT;
    for (size_t i = 0; i < plugin->n_builders; i++) {
        const char *builder = plugin->builders[i].name;
        char *full = *builder ? xasprintf("%s.%s", name, builder) : xstrdup(name);
        strbuf_addf(&list, "%s%s", i ? ", " : "", full);
        strv_take(&all, full);
    }
    AUTO_FREE char *hint = plan_hint(word, &all);
    plan_complain(b, at, "plugin %s has no builder '%s', only %s%s", name, word,
                  all.n ? strbuf_text(&list) : "none", hint);
}

void plan_read_uses(struct build *b, const struct config_value *value, struct use **uses,
                    size_t *n_uses)
{
    AUTO_STRV struct strv words = STRV_INIT;
    strv_split(&words, value ? value->value : "");
    *uses = xcalloc(words.n, sizeof **uses);
    for (size_t i = 0; i < words.n; i++) {
        struct use use = {0};
        use.builder = plugins_builder(b->plugins, words.v[i], &use.plugin);
        if (!use.builder) {
            no_builder(b, value, words.v[i]);
            continue;
        }
        use.name = xstrdup(words.v[i]);
        (*uses)[(*n_uses)++] = use;
    }
}

static bool uses_complete(struct build *b, const struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "uses");
    AUTO_STRV struct strv words = STRV_INIT;
    strv_split(&words, value ? value->value : "");
    return words.n == step->n_uses;
}

void plan_check_command(struct build *b, struct step *step)
{
    const struct config_value *uses = plan_value(b, step->section, "uses");
    AUTO_FREE char *title = plan_step_title(step);
    const struct use *leaf = NULL;
    for (size_t i = 0; i < step->n_uses; i++) {
        if (!(step->uses[i].builder->flags & CIPLUG_BUILDER_LEAF))
            continue;
        leaf = &step->uses[i];
        if (i + 1 < step->n_uses)
            plan_complain(b, uses, "%s runs no other command: it must be the last word of uses",
                          leaf->name);
    }
    if (leaf && step->command.text) {
        problems_add(b->problems, step->command.file, step->command.line,
                     "%s makes a command of its own: %s cannot have another one", leaf->name,
                     title);
    } else if (!leaf && !step->command.text && uses_complete(b, step)) {
        const struct config_value *empty = config_get(step->section, "command");
        problems_add(b->problems, empty ? empty->file : step->section->file,
                     empty ? empty->line : step->section->line, "%s has no command%s%s", title,
                     step->n_uses ? ", and needs one for " : "",
                     step->n_uses ? step->uses[step->n_uses - 1].name : "");
    }
}

static void bound(const struct build *b, const struct step *step, const struct host *host,
                  const struct use *uses, size_t n_uses, uint32_t *ramp)
{
    for (size_t i = 0; i < n_uses; i++) {
        const struct plugin *plugin = uses[i].plugin;
        const struct ciplug_option *option = option_find(plugin->options, "ramp");
        if (!(uses[i].builder->flags & CIPLUG_BUILDER_RAMPED) || !option)
            continue;
        const struct config_value *set =
            plan_option(b->plan, step, host, plugin->table.name, "ramp");
        const char *text = set ? set->value : option->def, *error;
        int64_t number;
        /* What is no number is complained of elsewhere. */
        if (text && parse_integer(text, 1, UINT32_MAX, &number, &error) == 0 &&
            (*ramp == 0 || number < *ramp))
            *ramp = (uint32_t)number;
    }
}

void plan_read_ramps(struct build *b, struct step *step)
{
    uint32_t *ramps = xcalloc(step->hosts.n, sizeof *ramps);
    bool any = false;
    for (size_t i = 0; i < step->hosts.n; i++) {
        const struct host *host = &b->plan->hosts[step->on_hosts[i]];
        bound(b, step, host, step->uses, step->n_uses, &ramps[i]);
        bound(b, step, host, host->uses, host->n_uses, &ramps[i]);
        any |= ramps[i] > 0;
    }
    if (any)
        step->ramps = ramps;
    else
        free(ramps);
}

/* "docker.image" -> "docker"; NULL for keys of the core. The caller's. */
static char *plugin_of_key(const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot || str_starts(key, "env.") || str_starts(key, "matrix."))
        return NULL;
    return xstrndup(key, (size_t)(dot - key));
}

static void option_names(const struct plugin *plugin, struct strv *names)
{
    for (size_t i = 0; plugin->options && plugin->options[i]; i++)
        strv_push(names, plugin->options[i]->name);
}

static void check_option(struct build *b, const struct plugin *plugin,
                         const struct config_value *value)
{
    const char *name = strchr(value->key, '.') + 1;
    const struct ciplug_option *option =
        plugin->options ? option_find((const struct ciplug_option *const *)plugin->options, name)
                        : NULL;
    if (option) {
        (void)option_check(option, value, b->problems);
        return;
    }
    AUTO_STRV struct strv names = STRV_INIT;
    option_names(plugin, &names);
    AUTO_FREE char *hint = plan_hint(name, &names);
    plan_complain(b, value, "plugin %s has no option '%s'%s", plugin->table.name, name, hint);
}

/* evn.PATH -> env.PATH; the caller's, or NULL. */
static char *mistyped_prefix(const struct config_section *section, const char *key,
                             const char *plugin)
{
    static const char *const step[] = {"env", "matrix", NULL}, *const host[] = {"env", NULL};
    const char *near = suggest(plugin, strcmp(section->kind, "host") == 0 ? host : step);
    return near ? xasprintf("%s%s", near, key + strlen(plugin)) : NULL;
}

static void unknown_plugin_key(struct build *b, const struct config_section *section,
                               const struct config_value *value, const char *plugin)
{
    AUTO_FREE char *near = mistyped_prefix(section, value->key, plugin);
    if (near && !wanted(b, plugin))
        plan_complain(b, value, "unknown key '%s' in [%s %s] (did you mean '%s'?)", value->key,
                      section->kind, section->name, near);
    else
        not_loaded(b, value, plugin);
}

void plan_check_options(struct build *b, const struct config_section *section)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct config_value *value = &section->values[i];
        AUTO_FREE char *name = plugin_of_key(value->key);
        if (!name)
            continue;
        const struct plugin *plugin = plugins_find(b->plugins, name);
        if (plugin)
            check_option(b, plugin, value);
        else
            unknown_plugin_key(b, section, value, name);
    }
}

static bool plugin_used(const struct use *uses, size_t n_uses, const struct plugin *plugin)
{
    for (size_t i = 0; i < n_uses; i++) {
        if (uses[i].plugin == plugin)
            return true;
    }
    return false;
}

/* Plugins without builders have no place in `uses`; the shell is used by every command. */
static bool may_stand(const struct build *b, const struct step *step, const struct plugin *plugin)
{
    if (plugin->n_builders == 0 || strcmp(plugin->table.name, "shell") == 0 ||
        plugin_used(step->uses, step->n_uses, plugin))
        return true;
    for (size_t i = 0; i < step->hosts.n; i++) {
        const struct host *host = &b->plan->hosts[step->on_hosts[i]];
        if (plugin_used(host->uses, host->n_uses, plugin))
            return true;
    }
    return false;
}

void plan_check_unused(struct build *b, const struct step *step)
{
    for (size_t i = 0; i < step->section->n && uses_complete(b, step); i++) {
        const struct config_value *value = &step->section->values[i];
        AUTO_FREE char *name = plugin_of_key(value->key);
        const struct plugin *plugin = name ? plugins_find(b->plugins, name) : NULL;
        if (plugin && !may_stand(b, step, plugin))
            plan_complain(b, value, "'%s' has no effect: %s is not in uses", value->key, name);
    }
}

void plan_check_keys(struct build *b, const struct config_section *section,
                     const struct ciplug_option *const *table, const char *what)
{
    AUTO_STRV struct strv prefixes = STRV_INIT;
    strv_push(&prefixes, "env.");
    if (strcmp(what, "host") != 0)
        strv_push(&prefixes, "matrix.");
    /* Those of plugins are for plan_check_options(). */
    for (size_t i = 0; i < section->n; i++) {
        AUTO_FREE char *name = plugin_of_key(section->values[i].key);
        AUTO_FREE char *prefix = name ? xasprintf("%s.", name) : NULL;
        if (prefix && !strv_has(&prefixes, prefix) && strcmp(what, "ciplug") != 0)
            strv_push(&prefixes, prefix);
    }
    options_check_section(section, table, (const char *const *)prefixes.v, what, b->problems);
}

static void unknown_section(struct build *b, const struct config_section *section)
{
    if (wanted(b, section->kind))
        return;
    AUTO_STRV struct strv names = STRV_INIT;
    plugins_list(b->plugins, &names);
    if (strv_has(&names, section->kind)) {
        problems_add(b->problems, section->file, section->line,
                     "[%s]: plugin %s is not loaded: add it to plugins in [ciplug]", section->kind,
                     section->kind);
        return;
    }
    loaded_names(b, &names);
    strv_push(&names, "ciplug");
    const char *nearest = suggest(section->kind, (const char *const *)names.v);
    AUTO_FREE char *hint = nearest ? xasprintf(" (did you mean '[%s]'?)", nearest) : xstrdup("");
    problems_add(b->problems, section->file, section->line,
                 "[%s] is neither ciplug nor a loaded plugin%s", section->kind, hint);
}

static bool is_core_kind(const char *kind)
{
    return strcmp(kind, "ciplug") == 0 || strcmp(kind, "step") == 0 ||
           strcmp(kind, "cleanup") == 0 || strcmp(kind, "host") == 0;
}

void plan_check_sections(struct build *b)
{
    static const struct ciplug_option *const nothing[] = {NULL};
    for (size_t i = 0; i < b->config->n; i++) {
        const struct config_section *section = &b->config->sections[i];
        if (is_core_kind(section->kind))
            continue;
        const struct plugin *plugin = plugins_find(b->plugins, section->kind);
        if (!plugin) {
            unknown_section(b, section);
            continue;
        }
        const struct ciplug_option *const *table =
            plugin->options ? (const struct ciplug_option *const *)plugin->options : nothing;
        options_check_section(section, table, NULL, NULL, b->problems);
    }
}
