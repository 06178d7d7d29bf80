/* SPDX-License-Identifier: MIT
 *
 * Templates go into the key as they are written: what {run} or {worker} stand for changes nothing.
 * Only {env:NAME} does, and that by its value. Masked values count as "***": nobody finds out a
 * secret by trying values until the key comes out.
 */
#include "mask.h"
#include "placeholder.h"
#include "resume.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

struct keying {
    const struct plan *plan;
    const struct mask *mask;
    const struct step *step;
    const struct host *host;
    uint64_t hash;
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
    /* The NUL belongs to it, so that "a","bc" and "ab","c" differ; an absent text differs from "".
     */
    return text ? hash_bytes(hash, text, strlen(text) + 1) : hash_bytes(hash, "\x01", 1);
}

static void add(struct keying *keying, const char *text)
{
    AUTO_STRBUF struct strbuf masked = STRBUF_INIT;
    if (text)
        mask_text(keying->mask, text, &masked);
    keying->hash = hash_text(keying->hash, text ? strbuf_text(&masked) : NULL);
}

static void add_template(struct keying *keying, const char *text)
{
    struct placeholder placeholder;
    const char *at = text;
    add(keying, text);
    while (text && placeholder_next(&placeholder, text, at, &keying->step->matrix_names, false)) {
        at = placeholder.start + placeholder.length;
        if (placeholder.kind != PH_ENV)
            continue;
        AUTO_FREE char *name = xstrndup(placeholder.name, placeholder.name_length);
        add(keying, getenv(name));
    }
}

static void add_plugin(struct keying *keying, const struct plugin *plugin)
{
    add(keying, plugin->table.name);
    add(keying, plugin->table.version);
    for (size_t i = 0; plugin->options[i]; i++) {
        const char *name = plugin->options[i]->name;
        const struct config_value *value =
            plan_option(keying->plan, keying->step, keying->host, plugin->table.name, name);
        add(keying, name);
        add_template(keying, value ? value->value : NULL);
    }
}

static void add_uses(struct keying *keying, const struct use *uses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add(keying, uses[i].name);
        add_plugin(keying, uses[i].plugin);
    }
}

/* As the command sees it: the host's win, and order is nothing. */
static void add_env(struct keying *keying)
{
    AUTO_STRV struct strv env = STRV_INIT;
    for (size_t i = 0; i < keying->step->n_env; i++)
        strv_setenv(&env, keying->step->env[i].text);
    for (size_t i = 0; i < keying->host->n_env; i++)
        strv_setenv(&env, keying->host->env[i].text);
    strv_sort(&env);
    for (size_t i = 0; i < env.n; i++)
        add_template(keying, env.v[i]);
}

static uint64_t make_key(const struct plan *plan, const struct mask *mask, const struct step *step,
                         const struct host *host)
{
    struct keying keying = {plan, mask, step, host, HASH_START};
    struct plugin *shell = plugins_find(plan->plugins, "shell");
    add(&keying, step->name);
    add_template(&keying, step->command.text);
    for (size_t i = 0; i < step->shell.n; i++)
        add(&keying, step->shell.v[i]);
    if (step->command.text && shell)
        add_plugin(&keying, shell);
    add_uses(&keying, step->uses, step->n_uses);
    add_uses(&keying, host->uses, host->n_uses);
    add_env(&keying);
    add_template(&keying, step->cwd.text);
    add_template(&keying, step->stdin_file.text);
    /* There a command's number stands for a place. */
    if (step->per != PER_COMMAND)
        add(&keying, host->name);
    return keying.hash;
}

uint64_t *resume_keys(const struct plan *plan)
{
    uint64_t *keys = xcalloc(plan->n_steps * plan->n_hosts, sizeof *keys);
    for (size_t i = 0; i < plan->n_steps; i++) {
        for (size_t k = 0; k < plan->n_hosts; k++)
            keys[i * plan->n_hosts + k] =
                make_key(plan, plan->mask, &plan->steps[i], &plan->hosts[k]);
    }
    return keys;
}

uint64_t resume_key(const struct plan *plan, const uint64_t *keys, const struct step *step,
                    uint32_t slot)
{
    if (step->cleanup)
        return 0;
    size_t host = slot ? (size_t)(plan_slot_host(plan, slot) - plan->hosts) : step->on_hosts[0];
    return keys[step->index * plan->n_hosts + host];
}

uint64_t resume_grouping(const struct step *step)
{
    if (!step->split && !step->batch)
        return 0;
    uint64_t hash = hash_bytes(HASH_START, &step->split, sizeof step->split);
    hash = hash_bytes(hash, &step->batch, sizeof step->batch);
    for (size_t i = 0; i < step->run_alone.n; i++)
        hash = hash_text(hash, step->run_alone.v[i]);
    return hash;
}

uint64_t resume_unit(const char *step, const char *name)
{
    return hash_text(hash_text(HASH_START, step), name);
}
