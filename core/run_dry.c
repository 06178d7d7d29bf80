/* SPDX-License-Identifier: MIT */
#include "harmless.h"
#include "launch.h"
#include "output.h"
#include "run.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRY_RUN_ID "dryrun00"

/* Where it would run if all took turns. 0: nowhere. */
static uint32_t slot_for(const struct plan *plan, const struct step *step, uint32_t number)
{
    uint32_t n = 0, count = 0;
    for (uint32_t slot = 1; slot <= plan->n_slots; slot++)
        count += plan_slot_allowed(plan, step, slot);
    for (uint32_t slot = 1; slot <= plan->n_slots && count; slot++) {
        if (plan_slot_allowed(plan, step, slot) && n++ == (number - 1) % count)
            return slot;
    }
    return 0;
}

static void show_command(struct strbuf *out, const struct launcher *launcher,
                         const struct step *step, uint32_t number, const size_t *units, size_t n)
{
    struct launch launch;
    struct launch_place place = {.step = step,
                                 .units = units,
                                 .n_units = n,
                                 .number = number,
                                 .attempt = 1,
                                 .slot = slot_for(launcher->plan, step, number)};
    AUTO_FREE char *error = NULL;
    if (launch_make(&launch, launcher, &place, &error) < 0)
        strbuf_addf(out, "# %u: %s\n", (unsigned)number, error);
    else
        strbuf_addf(out, "%s\n", launch.shown);
    launch_free(&launch);
}

static void show_batches(struct strbuf *out, const struct launcher *launcher,
                         const struct step *step)
{
    uint32_t number = 1;
    size_t most = step->batch == UINT32_MAX ? step->n_units : step->batch;
    for (size_t at = 0; at < step->n_units; number++) {
        size_t units[1024], n = 0;
        size_t first = at;
        while (at < step->n_units && n < most && n < ARRAY_SIZE(units) &&
               plan_same_cell(&step->units[first], &step->units[at]))
            units[n++] = at++;
        show_command(out, launcher, step, number, units, n);
    }
}

static void show_step(struct strbuf *out, const struct launcher *launcher, const struct step *step)
{
    strbuf_addf(out, "# %s %s\n", step->cleanup ? "cleanup" : "step", step->name);
    if (step->source == SOURCE_ITEMS_FROM && step->n_units == 0)
        strbuf_addf(out, "# its items are known when step %s has run\n",
                    launcher->plan->steps[step->items_from].name);
    if (step->batch)
        show_batches(out, launcher, step);
    for (size_t i = 0; i < step->n_commands && !step->batch; i++)
        show_command(out, launcher, step, step->commands[i].number, step->commands[i].units,
                     step->commands[i].n);
}

int run_dry(struct plan *plan)
{
    struct launcher launcher = {.plan = plan, .run = DRY_RUN_ID, .mask = plan->mask};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i].selected)
            show_step(&out, &launcher, &plan->steps[i]);
    }
    for (size_t i = 0; i < plan->n_cleanups; i++) {
        if (plan->cleanups[i].selected)
            show_step(&out, &launcher, &plan->cleanups[i]);
    }
    AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
    struct harmless harmless = {0};
    /* To be pasted, the bytes have to be what they are; to be looked at, they may not steer. */
    if (isatty(output_fd())) {
        harmless_feed(&harmless, strbuf_text(&out), out.len, &clear);
        harmless_end(&harmless, &clear, false);
    } else {
        strbuf_addstr(&clear, strbuf_text(&out));
    }
    if (write_all(output_fd(), strbuf_text(&clear), clear.len) == 0)
        return 0;
    msg(MSG_ERROR, "cannot write to standard output: %s", strerror(errno));
    return 3;
}
