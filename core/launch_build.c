/* SPDX-License-Identifier: MIT */
#include "launch_build.h"
#include "plugin_call.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where builders are in the order of `uses`, outermost first: the host's, then the step's. */
struct chain {
    struct launch *launch;
    const struct host *host;
    size_t n;
};

static struct chain chain_of(struct launch *launch)
{
    const struct plan *plan = launch->launcher->plan;
    const struct host *host =
        launch->command.worker ? plan_slot_host(plan, launch->command.worker) : NULL;
    return (struct chain){launch, host, launch->step->n_uses + (host ? host->n_uses : 0)};
}

/* From the innermost, 0, outwards. */
static const struct use *chain_use(const struct chain *chain, size_t i)
{
    const struct step *step = chain->launch->step;
    if (i < step->n_uses)
        return &step->uses[step->n_uses - 1 - i];
    return &chain->host->uses[chain->n - 1 - i];
}

/* What only the host's own builders are told. */
static void set_host_part(const struct chain *chain, size_t i)
{
    struct ciplug_command *command = &chain->launch->command;
    bool own = i >= chain->launch->step->n_uses;
    bool holds = own && chain_use(chain, i)->builder->hold;
    command->held = holds ? chain->launch->launcher->held : NULL;
    command->synced = own && chain->host->sync;
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
    char *value = option ? launch_option(plan, option, set, &vars) : NULL;
    if (value)
        strv_take(&launch->borrowed, value);
    return value;
}

void launch_intent_clear(struct launch_intent *intent)
{
    free(intent->kind);
    free(intent->what);
    strv_free(&intent->env);
}

static bool same_intent(const struct launch_intent *a, const struct launch_intent *b)
{
    if (strcmp(a->kind, b->kind) != 0 || strcmp(a->what, b->what) != 0 || a->env.n != b->env.n)
        return false;
    for (size_t i = 0; i < a->env.n; i++) {
        if (strcmp(a->env.v[i], b->env.v[i]) != 0)
            return false;
    }
    return true;
}

/* What the client gets: the command's own, the host's, or ours. */
static const char *client_variable(const struct launch *launch, const char *name)
{
    const char *value = strv_getenv(&launch->argv.env, name);
    return value ? value : getenv(name);
}

static int take_intent(void *data, const struct plugin *plugin, const char *what,
                       const char *const *names)
{
    struct launch *launch = ((const struct chain *)data)->launch;
    const struct plan *plan = launch->launcher->plan;
    struct launch_intent intent = {.kind = xstrdup(plugin->table.name), .what = xstrdup(what)};
    for (; names && *names; names++) {
        const char *value = client_variable(launch, *names);
        /* Unset is a place, too, and not that of whoever removes it. */
        if (!value)
            strv_push(&intent.env, *names);
        else if (!plan_holds_secret(plan, value))
            strv_take(&intent.env, xasprintf("%s=%s", *names, value));
    }
    for (size_t i = 0; i < launch->n_intents; i++) {
        if (same_intent(&launch->intents[i], &intent)) {
            launch_intent_clear(&intent);
            return 0;
        }
    }
    launch->intents = xrealloc(launch->intents, (launch->n_intents + 1) * sizeof intent);
    launch->intents[launch->n_intents++] = intent;
    return 0;
}

static void begin_asking(struct chain *chain)
{
    struct plugins *plugins = chain->launch->launcher->plan->plugins;
    plugins->option = option_value;
    plugins->option_data = chain;
    plugins->intent = take_intent;
}

static void end_asking(const struct chain *chain)
{
    struct plugins *plugins = chain->launch->launcher->plan->plugins;
    plugins->option = NULL;
    plugins->option_data = NULL;
    plugins->intent = NULL;
}

/* ---- through the builders ---- */

static int apply(struct launch *launch, const struct use *use, struct ciplug_argv *current,
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

static bool needs_guard(const struct use *use)
{
    return (use->builder->flags & (CIPLUG_BUILDER_REMOTE | CIPLUG_BUILDER_LEAF)) ==
           CIPLUG_BUILDER_REMOTE;
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
    if (launch->step->command.text && apply(launch, &shell, current, true, error) < 0)
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
        set_host_part(chain, i);
        if (apply(launch, use, current, false, error) < 0)
            return -1;
    }
    return 0;
}

static bool is_remote(const struct chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (needs_guard(chain_use(chain, i)))
            return true;
    }
    return false;
}

/* The innermost remote builder says it: only it knows what is there. */
static bool wants_guard(struct chain *chain, const struct launch_place *place)
{
    for (size_t i = 0; i < chain->n; i++) {
        const struct use *use = chain_use(chain, i);
        if (!needs_guard(use))
            continue;
        const char *value = option_find(use->plugin->options, "guard")
                                ? option_value(chain, use->plugin, NULL, "guard")
                                : "yes";
        chain->launch->may_do_without = value && strcmp(value, "auto") == 0;
        return !place->unguarded && !(value && strcmp(value, "no") == 0) &&
               SAFEGUARD(guard_in_front);
    }
    return false;
}

/* What was built, with its variables over those that are there: of the client, or the command. */
static void take_built(struct argv *argv, const struct ciplug_argv *built)
{
    strv_copy(&argv->words, &built->argv.words);
    set_all(&argv->env, &built->argv.env);
}

static void show(struct launch *launch, const struct ciplug_argv *built)
{
    AUTO_ARGV struct argv argv = ARGV_INIT;
    argv_copy(&argv, &launch->argv);
    take_built(&argv, built);
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
        take_built(&launch->argv, &real);
    } else {
        take_built(&launch->argv, &shown);
    }
    argv_free(&shown.argv);
    argv_free(&real.argv);
    return result;
}

int launch_build(struct launch *launch, const struct launch_place *place, char **error)
{
    struct chain chain = chain_of(launch);
    bool remote = is_remote(&chain);
    launch->marker = place->marker;
    launch->command.fetches = remote && launch->step->artifacts.text;
    name_variables(launch, remote);
    if (remote && move_cwd(launch, error) < 0)
        return -1;
    begin_asking(&chain);
    int result = build_both(&chain, place, error);
    end_asking(&chain);
    return result;
}

/* ---- callbacks ---- */

static int call_back(const struct use *use, struct launch *launch, enum launch_beside what,
                     const struct ciplug_result *result, const char *const *patterns,
                     struct ciplug_argv *out)
{
    const struct ciplug_builder *builder = use->builder;
    const struct ciplug_command *command = &launch->command;
    void *self = use->plugin->self;
    switch (what) {
    case LAUNCH_STOP:
        return builder->stop ? builder->stop(self, command, out) : 0;
    case LAUNCH_ALIVE:
        return builder->alive ? builder->alive(self, command, out) : 0;
    case LAUNCH_EVIDENCE:
        return builder->evidence ? builder->evidence(self, command, result, out) : 0;
    case LAUNCH_FETCH:
        return builder->fetch ? builder->fetch(self, command, patterns, out) : 0;
    case LAUNCH_CHECK:
        return builder->check ? builder->check(self, command, out) : 0;
    case LAUNCH_ENTER:
        return builder->enter ? builder->enter(self, command, out) : 0;
    case LAUNCH_HOLD:
        return builder->hold ? builder->hold(self, command, launch->hold, out) : 0;
    case LAUNCH_PREPARE:
        return builder->prepare ? builder->prepare(self, command, out) : 0;
    }
    return 0;
}

/* Those outside of the i-th bring it to the place from which that one works. */
static int bring(struct chain *chain, size_t i, struct ciplug_argv *out)
{
    AUTO_FREE char *error = NULL;
    for (size_t k = i + 1; k < chain->n; k++) {
        set_host_part(chain, k);
        if (apply(chain->launch, chain_use(chain, k), out, false, &error) < 0)
            return -1;
    }
    return 0;
}

static int ask(struct chain *chain, enum launch_beside what, const struct ciplug_result *result,
               const char *const *patterns, struct ciplug_argv *out)
{
    struct launch *launch = chain->launch;
    for (size_t i = what == LAUNCH_CHECK ? launch->asked : 0; i < chain->n; i++) {
        const struct use *use = chain_use(chain, i);
        int asked;
        if (what == LAUNCH_CHECK)
            launch->asked = i + 1;
        set_host_part(chain, i);
        PLUGIN_CALL(use->plugin->table.name,
                    asked = call_back(use, launch, what, result, patterns, out));
        if (asked < 0)
            return -1;
        /* With the builder's own, so that those outside of it take it along. */
        if (out->argv.words.n > 0 && launch->command.job) {
            AUTO_FREE char *job = xasprintf("CIPLUG_STOP_JOB=%s", launch->command.job);
            strv_setenv(&out->argv.env, job);
        }
        if (out->argv.words.n > 0)
            return bring(chain, i, out) < 0 ? -1 : 1;
    }
    return 0;
}

int launch_beside(struct launch *launch, enum launch_beside what,
                  const struct ciplug_result *result, const char *const *patterns,
                  struct argv *argv)
{
    struct chain chain = chain_of(launch);
    struct ciplug_argv out = {ARGV_INIT};
    int32_t guarded = launch->command.guarded;
    launch->command.guarded = 0;
    launch->command.job =
        what == LAUNCH_STOP && launch->marker ? strchr(launch->marker, '=') + 1 : NULL;
    begin_asking(&chain);
    int found = ask(&chain, what, result, patterns, &out);
    end_asking(&chain);
    launch->command.guarded = guarded;
    if (found > 0) {
        argv_copy(argv, &launch->argv);
        strv_clear(&argv->words);
        take_built(argv, &out);
    }
    argv_free(&out.argv);
    launch->command.job = NULL;
    return found;
}

/* ---- of a host, and of no step ---- */

bool launch_holds(const struct host *host)
{
    for (size_t i = 0; i < host->n_uses; i++) {
        if (host->uses[i].builder->hold || host->uses[i].builder->prepare)
            return true;
    }
    return false;
}

int launch_host(struct launch *launch, const struct launcher *launcher, const struct host *host,
                enum launch_beside what, uint32_t number, struct argv *argv, char **error)
{
    static const struct step none = {.name = (char *)(uintptr_t) ""};
    const struct launch_place place = {.step = &none, .slot = host->first};
    if (launch_surroundings(launch, launcher, &place, error) < 0)
        return -1;
    launch->hold = number;
    int found = launch_beside(launch, what, NULL, NULL, argv);
    if (found < 0)
        *error = xasprintf("nothing leads to host %s", host->name);
    return found;
}
