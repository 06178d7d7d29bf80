/* SPDX-License-Identifier: MIT
 *
 * What builders want to have run beside a command, and for a host.
 */
#include "launch_build.h"
#include "plugin_call.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

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
    case LAUNCH_REACH:
        return builder->reach ? builder->reach(self, command, out) : 0;
    }
    return 0;
}

/* Those outside of the i-th bring it to the place from which that one works. */
static int bring(struct chain *chain, size_t i, bool checks, struct ciplug_argv *out)
{
    AUTO_FREE char *error = NULL;
    for (size_t k = i + 1; k < chain->n; k++) {
        chain_at(chain, k);
        chain->launch->command.cwd = NULL;
        /* Before a run there is no workspace. */
        if (checks)
            chain->launch->command.synced = 0;
        if (chain_apply(chain->launch, chain_use(chain, k), out, false, &error) < 0)
            return -1;
    }
    return 0;
}

/* One builder after the other, with each call the next. */
static bool asks_each(enum launch_beside what)
{
    return what == LAUNCH_CHECK || what == LAUNCH_REACH;
}

static int ask(struct chain *chain, enum launch_beside what, const struct ciplug_result *result,
               const char *const *patterns, struct ciplug_argv *out)
{
    struct launch *launch = chain->launch;
    for (size_t i = asks_each(what) ? launch->asked : 0; i < chain->n; i++) {
        const struct use *use = chain_use(chain, i);
        int asked;
        if (asks_each(what))
            launch->asked = i + 1;
        chain_at(chain, i);
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
            return bring(chain, i, what == LAUNCH_CHECK, out) < 0 ? -1 : 1;
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
    const char *cwd = launch->command.cwd;
    launch->command.guarded = 0;
    launch->command.job =
        what == LAUNCH_STOP && launch->marker ? strchr(launch->marker, '=') + 1 : NULL;
    chain_ask(&chain);
    int found = ask(&chain, what, result, patterns, &out);
    chain_asked(&chain);
    launch->command.guarded = guarded;
    if (found > 0) {
        argv_copy(argv, &launch->argv);
        strv_clear(&argv->words);
        chain_take(argv, &out);
    }
    argv_free(&out.argv);
    launch->command.job = NULL;
    launch->command.cwd = cwd;
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

/* Surroundings of no step, through these builders and the host's. */
static int about_host(struct launch *launch, const struct launcher *launcher,
                      const struct host *host, const struct step *about, char **error)
{
    const struct launch_place place = {.step = about, .slot = host->first};
    return launch_surroundings(launch, launcher, &place, error);
}

int launch_host(struct launch *launch, const struct launcher *launcher, const struct host *host,
                enum launch_beside what, uint32_t number, struct argv *argv, char **error)
{
    static const struct step none = {.name = (char *)(uintptr_t) ""};
    if (about_host(launch, launcher, host, &none, error) < 0)
        return -1;
    launch->hold = number;
    int found = launch_beside(launch, what, NULL, NULL, argv);
    if (found < 0)
        *error = xasprintf("nothing leads to host %s", host->name);
    return found;
}

/* argv goes over. */
static void add_once(struct launch_list *list, struct argv *argv)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strv_same(&list->list[i].words, &argv->words) &&
            strv_same(&list->list[i].env, &argv->env)) {
            argv_free(argv);
            return;
        }
    }
    list->list = xrealloc(list->list, (list->n + 1) * sizeof *list->list);
    list->list[list->n++] = *argv;
}

static int reach_for(struct launch_list *list, const struct launcher *launcher,
                     const struct host *host, const struct step *step, char **error)
{
    const struct step about = {.name = (char *)(uintptr_t) "",
                               .section = step->section,
                               .uses = step->uses,
                               .n_uses = step->n_uses,
                               .env = step->env,
                               .n_env = step->n_env};
    struct launch launch;
    AUTO_FREE char *unknown = NULL;
    /* Where it depends on an item which engine that is, nobody can be asked before. */
    if (about_host(&launch, launcher, host, &about, &unknown) < 0) {
        launch_free(&launch);
        return 0;
    }
    int found = 0;
    while (found >= 0) {
        struct argv argv = ARGV_INIT;
        found = launch_beside(&launch, LAUNCH_REACH, NULL, NULL, &argv);
        if (found <= 0) {
            argv_free(&argv);
            break;
        }
        add_once(list, &argv);
    }
    if (found < 0 && !*error)
        *error = xasprintf("nothing leads to host %s", host->name);
    launch_free(&launch);
    return found;
}

static int reach_for_all(struct launch_list *list, const struct launcher *launcher,
                         const struct host *host, const struct step *steps, size_t n, char **error)
{
    for (size_t i = 0; i < n; i++) {
        if (plan_step_uses(launcher->plan, &steps[i], host) &&
            reach_for(list, launcher, host, &steps[i], error) < 0)
            return -1;
    }
    return 0;
}

int launch_reaches(struct launch_list *list, const struct launcher *launcher,
                   const struct host *host, char **error)
{
    const struct plan *plan = launcher->plan;
    if (reach_for_all(list, launcher, host, plan->steps, plan->n_steps, error) < 0 ||
        reach_for_all(list, launcher, host, plan->cleanups, plan->n_cleanups, error) < 0)
        return -1;
    return 0;
}

void launch_list_free(struct launch_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        argv_free(&list->list[i]);
    free(list->list);
    *list = (struct launch_list){0};
}
