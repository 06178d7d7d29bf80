/* SPDX-License-Identifier: MIT */
#include "preflight.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define RUN_ID "check000" /* of no run */

const struct config_value *preflight_uses(const struct launch *launch)
{
    const struct plan *plan = launch->launcher->plan;
    const struct host *host = plan_slot_host(plan, launch->command.worker);
    const struct config_section *run = config_find(plan->config, "ciplug", NULL);
    if (launch->asked > launch->step->n_uses && host && host->section)
        return config_get(host->section, "uses");
    const struct config_value *uses = config_get(launch->step->section, "uses");
    return uses || !run ? uses : config_get(run, "uses");
}

/* The first slot of the host that the step may use; 0: none. */
static uint32_t slot_on(const struct plan *plan, const struct step *step, const struct host *host)
{
    for (uint32_t slot = host->first; slot < host->first + host->slots; slot++) {
        if (plan_slot_allowed(plan, step, slot))
            return slot;
    }
    return 0;
}

bool preflight_launch(struct launch *launch, const struct launcher *launcher,
                      const struct step *step, const struct host *host, struct problems *problems)
{
    static const size_t first = 0;
    AUTO_FREE char *error = NULL;
    struct launch_place place = {.step = step,
                                 .units = &first,
                                 .n_units = step->n_units > 0,
                                 .number = 1,
                                 .attempt = 1,
                                 .slot = slot_on(launcher->plan, step, host)};
    if (place.slot == 0 || step->n_uses + host->n_uses == 0)
        return false;
    if (step->n_commands > 0) {
        place.units = step->commands[0].units;
        place.n_units = step->commands[0].n;
        place.number = step->commands[0].number;
    }
    /* Where the items are not known yet, {item} has no value, and only that is wrong. */
    if (launch_make(launch, launcher, &place, &error) < 0 && step->n_units > 0) {
        const struct config_value *uses = preflight_uses(launch);
        problems_add(problems, uses ? uses->file : NULL, uses ? uses->line : 0, "%s %s on %s: %s",
                     step->cleanup ? "cleanup" : "step", step->name, host->name, error);
    }
    return true;
}

/* Of an option that holds a placeholder the first command says nothing of the others. */
static bool differs(const struct step *step)
{
    /* It may never be run. */
    if (step->if_command.text)
        return true;
    for (size_t i = 0; i < step->section->n; i++) {
        const struct config_value *value = &step->section->values[i];
        if (strchr(value->key, '.') && strchr(value->value, '{'))
            return true;
    }
    return false;
}

static void look_at(const struct launcher *launcher, const struct step *step,
                    struct problems *problems)
{
    struct launch launch;
    for (size_t i = 0; step->selected && step->n_units > 0 && !differs(step) && i < step->hosts.n;
         i++) {
        const struct host *host = &launcher->plan->hosts[step->on_hosts[i]];
        if (preflight_launch(&launch, launcher, step, host, problems))
            launch_free(&launch);
    }
}

void preflight(const struct plan *plan, struct problems *problems)
{
    const struct launcher launcher = {.plan = plan, .run = RUN_ID, .mask = plan->mask};
    for (size_t i = 0; i < plan->n_steps && SAFEGUARD(refused_before_start); i++)
        look_at(&launcher, &plan->steps[i], problems);
    for (size_t i = 0; i < plan->n_cleanups && SAFEGUARD(refused_before_start); i++)
        look_at(&launcher, &plan->cleanups[i], problems);
}
