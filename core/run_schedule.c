/* SPDX-License-Identifier: MIT
 *
 * A schedule for the steps or the cleanup steps, and what it asks the run for.
 */
#include "run_internal.h"
#include "util.h"

#include <sys/random.h>

static void lock_names(void *data, const struct task *task, uint32_t slot, struct strv *names)
{
    struct run *run = data;
    if (!task->step->lock.text)
        return;
    struct launch launch;
    struct launch_place place = {.step = task->step,
                                 .units = task->units,
                                 .n_units = task->n_units,
                                 .number = task->number,
                                 .attempt = task->attempt + 1,
                                 .slot = slot};
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *error;
    launch_describe(&launch, &run->executor.launcher, &place);
    if (launch_expand(&launch, &text, task->step->lock.text, EXPAND_TEXT, &error) == 0)
        strv_split(names, strbuf_text(&text));
    launch_free(&launch);
}

static unsigned jitter(void *data)
{
    (void)data;
    uint16_t random = 0;
    return getrandom(&random, sizeof random, 0) == sizeof random ? random % 1000U : 500U;
}

void run_begin_schedule(struct run *run, bool cleanup)
{
    const struct schedule_hooks hooks = {.data = run, .locks = lock_names, .jitter = jitter};
    struct schedule *schedule = schedule_new(run->plan, cleanup, run->options->mode, &hooks);
    run->current = schedule;
    if (cleanup)
        run->cleanups = schedule;
    else
        run->steps = schedule;
    for (size_t i = 0; run->hosts && i < run->plan->n_hosts; i++)
        schedule_host(schedule, i, hosts_state(run->hosts, i));
}
