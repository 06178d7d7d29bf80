/* SPDX-License-Identifier: MIT */
#include "launch_build.h"
#include "plugin_call.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct chain chain_of(struct launch *launch)
{
    const struct plan *plan = launch->launcher->plan;
    const struct host *host =
        launch->command.worker ? plan_slot_host(plan, launch->command.worker) : NULL;
    return (struct chain){launch, host, launch->step->n_uses + (host ? host->n_uses : 0)};
}

/* From the innermost, 0, outwards. */
const struct use *chain_use(const struct chain *chain, size_t i)
{
    const struct step *step = chain->launch->step;
    if (i < step->n_uses)
        return &step->uses[step->n_uses - 1 - i];
    return &chain->host->uses[chain->n - 1 - i];
}

/* What only the host's own builders are told. */
static bool needs_guard(const struct use *use)
{
    return (use->builder->flags & (CIPLUG_BUILDER_REMOTE | CIPLUG_BUILDER_LEAF)) ==
           CIPLUG_BUILDER_REMOTE;
}

/* From the i-th outwards; chain->n: there is none. */
static size_t next_remote(const struct chain *chain, size_t i)
{
    while (i < chain->n && !needs_guard(chain_use(chain, i)))
        i++;
    return i;
}

void chain_at(struct chain *chain, size_t i)
{
    chain->at = i;
    struct launch *launch = chain->launch;
    struct ciplug_command *command = &launch->command;
    bool own = i >= launch->step->n_uses;
    bool holds = own && chain_use(chain, i)->builder->hold;
    bool sync = chain->host && chain->host->sync;
    command->held = holds ? launch->launcher->held : NULL;
    command->synced = own && sync;
    command->away = next_remote(chain, i + 1) < chain->n;
    command->paths_from = command->away && sync ? "." : launch->launcher->plan->config->dir;
    /* What is outside of the place knows nothing of its folders. */
    command->cwd = i > next_remote(chain, 0) ? NULL : launch->place_cwd;
}

/* ---- what builders ask for ---- */

/* For the command that is being built, for plugins: step, host, plugin's section. */
static const char *option_value(void *data, const struct plugin *plugin,
                                const struct ciplug_command *command, const char *name)
{
    const struct chain *chain = data;
    (void)command;
    struct launch *launch = chain->launch;
    const struct plan *plan = launch->launcher->plan;
    const struct ciplug_option *option = option_find(plugin->options, name);
    const struct expand_vars vars = launch_vars(launch);
    const struct config_value *set = plan_option(plan, launch->step->section ? launch->step : NULL,
                                                 chain->host, plugin->table.name, name);
    char *value = option ? launch_option(launch->command.paths_from, option, set, &vars) : NULL;
    if (value)
        strv_take(&launch->borrowed, value);
    return value;
}

/* What the client gets: the command's own, the host's, or ours. */
static const char *client_variable(const struct launch *launch, const char *name)
{
    const char *value = strv_getenv(&launch->argv.env, name);
    return value ? value : getenv(name);
}

/* What is brought elsewhere takes along only what is the command's own. */
static const char *variable(void *data, const char *name)
{
    struct launch *launch = ((const struct chain *)data)->launch;
    const char *value =
        launch->command.away ? strv_getenv(&launch->own, name) : client_variable(launch, name);
    return value && plan_holds_secret(launch->launcher->plan, value) ? NULL : value;
}

/* The builder through which the one that is asked reaches its place, or that reaches it itself;
 * chain->n: the place is here. */
static size_t way_of(const struct chain *chain)
{
    size_t i = next_remote(chain, chain->at);
    while (i < chain->n && !chain_use(chain, i)->builder->way)
        i = next_remote(chain, i + 1);
    return i;
}

/* Its words, with blanks between them. The caller's; NULL after a message. */
static char *words_of_way(struct chain *chain, size_t i)
{
    struct ciplug_argv out = {ARGV_INIT};
    struct strbuf text = STRBUF_INIT;
    const struct use *use = chain_use(chain, i);
    size_t asked = chain->at;
    int result;
    chain_at(chain, i);
    PLUGIN_CALL(use->plugin->table.name,
                result = use->builder->way(use->plugin->self, &chain->launch->command, &out));
    chain_at(chain, asked);
    for (size_t k = 0; k < out.argv.words.n; k++)
        strbuf_addf(&text, "%s%s", k ? " " : "", out.argv.words.v[k]);
    argv_free(&out.argv);
    if (result == 0 && text.len > 0)
        return strbuf_detach(&text);
    strbuf_free(&text);
    return NULL;
}

/* What is reached from here needs the variables that lead there from here. */
static void add_variables(const struct launch *launch, const char *const *names, bool here,
                          struct strv *env)
{
    for (; names && *names; names++) {
        const char *value =
            here ? client_variable(launch, *names) : strv_getenv(&launch->own, *names);
        /* Unset is a place, too, and not that of whoever removes it. */
        if (!value && here)
            strv_push(env, *names);
        else if (value && !plan_holds_secret(launch->launcher->plan, value))
            strv_take(env, xasprintf("%s=%s", *names, value));
    }
}

static int take_intent(void *data, const struct plugin *plugin, const char *what,
                       const char *const *names)
{
    struct chain *chain = data;
    struct launch *launch = chain->launch;
    size_t at = way_of(chain);
    bool way = at < chain->n;
    struct intent intent = {.kind = xstrdup(plugin->table.name), .what = xstrdup(what)};
    if (way) {
        intent.by_kind = xstrdup(chain_use(chain, at)->plugin->table.name);
        intent.by_what = words_of_way(chain, at);
    }
    if (launch->command.worker)
        intent.host = plan_slot_host(launch->launcher->plan, launch->command.worker)->name;
    add_variables(launch, names, !way, &intent.env);
    int result = way && !intent.by_what ? -1 : 0;
    if (result == 0)
        (void)intents_add(&launch->intents, &intent);
    intent_clear(&intent);
    return result;
}

void chain_ask(struct chain *chain)
{
    struct plugins *plugins = chain->launch->launcher->plan->plugins;
    plugins->option = option_value;
    plugins->option_data = chain;
    plugins->intent = take_intent;
    plugins->variable = variable;
}

void chain_asked(const struct chain *chain)
{
    struct plugins *plugins = chain->launch->launcher->plan->plugins;
    plugins->option = NULL;
    plugins->option_data = NULL;
    plugins->intent = NULL;
    plugins->variable = NULL;
}

/* ---- through the builders ---- */

int chain_apply(struct launch *launch, const struct use *use, struct ciplug_argv *current,
                bool innermost, char **error)
{
    struct ciplug_argv out = {ARGV_INIT};
    bool leaf = use->builder->flags & CIPLUG_BUILDER_LEAF;
    int built;
    PLUGIN_CALL(use->plugin->table.name,
                built = use->builder->build(use->plugin->self, &launch->command,
                                            leaf || innermost ? NULL : current, &out));
    if (built < 0 || out.argv.words.n == 0) {
        *error = xasprintf("%s could not build the command", use->name);
        argv_free(&out.argv);
        return -1;
    }
    argv_free(&current->argv);
    *current = out;
    return 0;
}

static void set_all(struct strv *env, const struct strv *more)
{
    for (size_t i = 0; i < more->n; i++)
        strv_setenv(env, more->v[i]);
}

/* Secrets travel by name: what `mask` names and we have is there, too. */
static void add_masked(const struct launch *launch, struct strv *env)
{
    const struct strv *names = &launch->launcher->plan->mask_names;
    for (size_t i = 0; i < names->n; i++) {
        const char *value = getenv(names->v[i]);
        if (!value || strv_getenv(env, names->v[i]))
            continue;
        AUTO_FREE char *text = xasprintf("%s=%s", names->v[i], value);
        strv_setenv(env, text);
    }
}

/* What the command gets wherever it runs. */
static void add_own(const struct launch *launch, struct strv *env)
{
    strv_copy(env, &launch->own);
    add_masked(launch, env);
}

/* The guard in front of `current`, which now stands in its prelude. -1 with errno. */
static int put_guard(struct launch *launch, struct ciplug_argv *current)
{
    const struct guard_settings settings = {
        .nonce = launch->nonce, .lease_s = GUARD_LEASE_S, .merge = launch->step->stderr_merge};
    AUTO_ARGV struct argv inner = current->argv;
    current->argv = (struct argv)ARGV_INIT;
    AUTO_STRV struct strv own = STRV_INIT;
    add_own(launch, &own);
    set_all(&own, &inner.env);
    if (launch->marker)
        strv_setenv(&own, launch->marker);
    strv_free(&inner.env);
    inner.env = own;
    own = (struct strv)STRV_INIT;
    free(inner.cwd);
    inner.cwd = launch->place_cwd ? xstrdup(launch->place_cwd) : NULL;
    if (guard_nonce(launch->nonce) < 0)
        return -1;
    strbuf_clear(&launch->prelude);
    guard_prelude(&launch->prelude, &inner, &settings);
    guard_argv(&current->argv.words);
    launch->guarded = true;
    return 0;
}

static int apply_all(struct chain *chain, struct ciplug_argv *current, bool guard, char **error)
{
    struct launch *launch = chain->launch;
    struct use shell = {.name = "shell"};
    shell.builder = plugins_builder(launch->launcher->plan->plugins, "shell", &shell.plugin);
    launch->command.guarded = 0;
    if (launch->step->command.text && chain_apply(launch, &shell, current, true, error) < 0)
        return -1;
    for (size_t i = 0; i < chain->n; i++) {
        const struct use *use = chain_use(chain, i);
        if (guard && !launch->command.guarded && needs_guard(use)) {
            if (put_guard(launch, current) < 0) {
                *error = xasprintf("no random numbers for its guard: %s", strerror(errno));
                return -1;
            }
            launch->command.guarded = 1;
        }
        chain_at(chain, i);
        if (chain_apply(launch, use, current, false, error) < 0)
            return -1;
    }
    return 0;
}

/* The innermost remote builder says it: only it knows what is there. */
static bool wants_guard(struct chain *chain, const struct launch_place *place)
{
    size_t i = next_remote(chain, 0);
    if (i == chain->n)
        return false;
    const struct use *use = chain_use(chain, i);
    const char *value = option_find(use->plugin->options, "guard")
                            ? option_value(chain, use->plugin, NULL, "guard")
                            : "yes";
    chain->launch->may_do_without = value && strcmp(value, "auto") == 0;
    return !place->unguarded && !(value && strcmp(value, "no") == 0) && SAFEGUARD(guard_in_front);
}

/* What was built, with its variables over those that are there: of the client, or the command. */
void chain_take(struct argv *argv, const struct ciplug_argv *built)
{
    strv_copy(&argv->words, &built->argv.words);
    set_all(&argv->env, &built->argv.env);
}

static void show(struct launch *launch, const struct ciplug_argv *built)
{
    AUTO_ARGV struct argv argv = ARGV_INIT;
    argv_copy(&argv, &launch->argv);
    chain_take(&argv, built);
    struct strbuf shown = STRBUF_INIT;
    argv_show(&shown, &argv, &launch->launcher->plan->mask_names, launch->launcher->mask);
    launch->shown = strbuf_detach(&shown);
}

static void name_variables(struct launch *launch, bool remote)
{
    AUTO_STRV struct strv own = STRV_INIT;
    if (!remote)
        return;
    add_own(launch, &own);
    if (launch->marker)
        strv_setenv(&own, launch->marker);
    for (size_t i = 0; i < own.n; i++)
        strv_take(&launch->env_names, xstrndup(own.v[i], strcspn(own.v[i], "=")));
    launch->command.env = (const char *const *)launch->env_names.v;
}

/* A step's `cwd` is where the command starts, so at its place; its client starts here. */
static int move_cwd(struct launch *launch, char **error)
{
    const char *why;
    AUTO_STRBUF struct strbuf cwd = STRBUF_INIT;
    if (!launch->step->cwd.text)
        return 0;
    if (launch_expand(launch, &cwd, launch->step->cwd.text, EXPAND_TEXT, &why) < 0) {
        *error = xstrdup(why);
        return -1;
    }
    launch->place_cwd = strbuf_detach(&cwd);
    launch->command.cwd = launch->place_cwd;
    free(launch->argv.cwd);
    launch->argv.cwd = xstrdup(launch->launcher->plan->config->dir);
    return 0;
}

static bool assigns(const char *text, const char *name)
{
    size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && text[length] == '=';
}

static bool host_sets(const struct host *host, const char *name)
{
    for (size_t i = 0; host && i < host->n_env; i++) {
        if (assigns(host->env[i].text, name))
            return true;
    }
    return false;
}

/* What a step says of these is for the command, to whom its guard brings it. The client would not
 * be found, or not find its settings. */
static bool is_kept_from_client(const char *text, const struct host *host)
{
    static const char *const names[] = {"PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (assigns(text, names[i]))
            return !host_sets(host, names[i]);
    }
    return false;
}

static void spare_client(struct launch *launch, const struct host *host)
{
    struct strv env = launch->argv.env;
    launch->argv.env = (struct strv)STRV_INIT;
    for (size_t i = 0; i < env.n; i++) {
        if (!is_kept_from_client(env.v[i], host))
            strv_push(&launch->argv.env, env.v[i]);
    }
    strv_free(&env);
}

/* Once as people would type it, and once as it is run. */
static int build_both(struct chain *chain, const struct launch_place *place, char **error)
{
    struct launch *launch = chain->launch;
    struct ciplug_argv shown = {ARGV_INIT}, real = {ARGV_INIT};
    launch->command.shown = 1;
    int result = apply_all(chain, &shown, false, error);
    launch->command.shown = 0;
    if (result == 0)
        show(launch, &shown);
    if (result == 0 && chain->n > 0 && launch->launcher->run_dir) {
        bool guard = wants_guard(chain, place);
        if (guard)
            spare_client(launch, chain->host);
        result = apply_all(chain, &real, guard, error);
        chain_take(&launch->argv, &real);
    } else {
        chain_take(&launch->argv, &shown);
    }
    argv_free(&shown.argv);
    argv_free(&real.argv);
    launch->command.cwd = launch->place_cwd;
    return result;
}

int launch_build(struct launch *launch, const struct launch_place *place, char **error)
{
    struct chain chain = chain_of(launch);
    bool remote = next_remote(&chain, 0) < chain.n;
    launch->marker = place->marker;
    launch->command.fetches =
        remote ? !!launch->step->artifacts.text + !!launch->step->results.text : 0;
    name_variables(launch, remote);
    if (remote && move_cwd(launch, error) < 0)
        return -1;
    /* Files of a leaf do not start there, and nothing else of it does. */
    if (chain.n > 0 && chain_use(&chain, 0)->builder->flags & CIPLUG_BUILDER_LEAF) {
        free(launch->place_cwd);
        launch->place_cwd = NULL;
        launch->command.cwd = NULL;
    }
    chain_ask(&chain);
    int result = build_both(&chain, place, error);
    chain_asked(&chain);
    /* What is told of a command here, too. */
    if (!remote)
        launch->command.cwd = launch->argv.cwd;
    return result;
}
