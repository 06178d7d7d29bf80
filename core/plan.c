/* SPDX-License-Identifier: MIT */
#include "plan.h"
#include "mask.h"
#include "options.h"
#include "plan_internal.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static void read_run(struct build *b)
{
    struct plan *plan = b->plan;
    const char *base = strrchr(b->config->dir, '/');
    const char *error;
    int64_t number;
    const struct config_value *name = b->run ? config_get(b->run, "name") : NULL;
    const struct config_value *timeout = b->run ? config_get(b->run, "run_timeout") : NULL;
    const struct config_value *keep = b->run ? config_get(b->run, "keep_runs") : NULL;
    plan->name = xstrdup(name && *name->value ? name->value
                         : base && base[1]    ? base + 1
                                              : "ciplug");
    plan->keep_runs = 10;
    if (b->run) {
        const struct config_value *plugins = config_get(b->run, "plugins");
        strv_split(&b->wanted, plugins ? plugins->value : "");
        plan_check_keys(b, b->run, plan_run_options, "ciplug");
    }
    if (timeout)
        (void)parse_duration(timeout->value, true, &plan->run_timeout_ns, &error);
    if (keep && parse_integer(keep->value, 1, 1000000, &number, &error) == 0)
        plan->keep_runs = (unsigned)number;
}

static void count_steps(struct build *b)
{
    size_t n_steps = 0, n_cleanups = 0;
    for (size_t i = 0; i < b->config->n; i++) {
        n_steps += strcmp(b->config->sections[i].kind, "step") == 0;
        n_cleanups += strcmp(b->config->sections[i].kind, "cleanup") == 0;
    }
    b->plan->steps = xcalloc(n_steps, sizeof *b->plan->steps);
    b->plan->cleanups = xcalloc(n_cleanups, sizeof *b->plan->cleanups);
}

static void add_step(struct step *list, size_t *n, const struct config_section *section,
                     bool cleanup)
{
    list[*n].name = xstrdup(section->name);
    list[*n].section = section;
    list[*n].cleanup = cleanup;
    list[*n].index = *n;
    ++*n;
}

static void name_steps(struct build *b)
{
    struct plan *plan = b->plan;
    count_steps(b);
    for (size_t i = 0; i < b->config->n; i++) {
        const struct config_section *section = &b->config->sections[i];
        if (strcmp(section->kind, "step") == 0)
            add_step(plan->steps, &plan->n_steps, section, false);
        else if (strcmp(section->kind, "cleanup") == 0)
            add_step(plan->cleanups, &plan->n_cleanups, section, true);
    }
    plan_index_names(b);
}

static void read_steps(struct build *b)
{
    for (size_t i = 0; i < b->plan->n_steps; i++)
        plan_read_step(b, &b->plan->steps[i]);
    for (size_t i = 0; i < b->plan->n_cleanups; i++)
        plan_read_step(b, &b->plan->cleanups[i]);
}

static void make(struct build *b)
{
    read_run(b);
    plan_check_sections(b);
    name_steps(b);
    plan_read_hosts(b);
    read_steps(b);
    plan_read_needs(b);
    plan_check_cycles(b);
    plan_select(b);
    plan_make_slots(b);
    plan_read_mask(b);
    plan_check_templates(b);
    plan_preview_units(b);
}

int plan_make(struct plan *plan, const struct config *config, struct plugins *plugins,
              const struct plan_request *request, struct problems *problems)
{
    struct build b = {.plan = plan,
                      .config = config,
                      .plugins = plugins,
                      .request = request,
                      .problems = problems,
                      .run = config_find(config, "ciplug", NULL)};
    *plan = (struct plan){.config = config, .plugins = plugins};
    make(&b);
    int result = problems->n ? -1 : plan_check_selection(&b);
    strv_free(&b.wanted);
    strv_free(&b.step_names);
    strv_free(&b.host_names);
    strv_free(&b.axis_names);
    return result;
}

static void free_env(struct setting *env, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((char *)env[i].text);
    free(env);
}

static void free_uses(struct use *uses, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((char *)uses[i].name);
    free(uses);
}

static void free_step(struct step *step)
{
    plan_free_units(step);
    for (size_t i = 0; i < step->n_axes; i++) {
        free(step->axes[i].name);
        strv_free(&step->axes[i].values);
    }
    free(step->axes);
    free_uses(step->uses, step->n_uses);
    free_env(step->env, step->n_env);
    free(step->name);
    free(step->needs);
    free(step->on_hosts);
    free(step->ramps);
    strv_free(&step->shell);
    strv_free(&step->matrix_names);
    strv_free(&step->matrix_exclude);
    strv_free(&step->run_alone);
    strv_free(&step->hosts);
    strv_free(&step->globs);
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        free_step(&plan->steps[i]);
    for (size_t i = 0; i < plan->n_cleanups; i++)
        free_step(&plan->cleanups[i]);
    for (size_t i = 0; i < plan->n_hosts; i++) {
        free(plan->hosts[i].name);
        free_uses(plan->hosts[i].uses, plan->hosts[i].n_uses);
        free_env(plan->hosts[i].env, plan->hosts[i].n_env);
    }
    free(plan->steps);
    free(plan->cleanups);
    free(plan->hosts);
    free(plan->name);
    free(plan->by_name);
    strv_free(&plan->mask_names);
    strv_free(&plan->mask_values);
    mask_free(plan->mask);
    strv_free(&plan->notices);
    *plan = (struct plan){0};
}
