/* SPDX-License-Identifier: MIT
 *
 * What the run makes of hosts that come and go: the schedule is told, and people are.
 */
#include "run_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int on_intents(void *data, const struct launch *launch)
{
    return run_note_intents(data, launch);
}

static void on_changed(void *data, size_t host, enum host_state state)
{
    struct run *run = data;
    if (run->phase >= PHASE_SWEEP)
        return;
    schedule_host(run->current, host, state);
    run_pump(run);
}

static void on_folder(void *data, const char *path)
{
    struct run *run = data;
    if (journal_own_intent(&run->journal, INTENT_FOLDER, path) < 0)
        run->no_verdict = true;
}

static void on_tell(void *data, const char *text)
{
    run_emit_notice(data, "%s", text);
}

void run_hosts_begin(struct run *run)
{
    static const struct hosts_hooks hooks = {
        .intents = on_intents, .changed = on_changed, .tell = on_tell, .folder = on_folder};
    run->hosts = hosts_new(&run->loop, &run->hands, &run->executor.launcher, &hooks, run);
    if (hosts_start(run->hosts) < 0) {
        run->no_verdict = true;
        run_emit_notice(run, "no folder can be made for what hosts need: %s", strerror(errno));
        schedule_halt(run->current, "no folder can be made for what hosts need");
    }
    for (size_t i = 0; i < run->plan->n_hosts; i++)
        schedule_host(run->current, i, hosts_state(run->hosts, i));
}

void run_hosts_want(struct run *run, const struct step *step)
{
    for (size_t i = 0; i < step->hosts.n; i++) {
        if (hosts_want(run->hosts, step->on_hosts[i]))
            schedule_host(run->current, step->on_hosts[i], HOST_AWAY);
    }
}

void run_hosts_end(struct run *run)
{
    hosts_finish(run->hosts);
}

const char *run_host_lost(void *data, uint32_t slot)
{
    const struct run *run = data;
    return hosts_lost(run->hosts, (size_t)(plan_slot_host(run->plan, slot) - run->plan->hosts));
}

void run_hosts_judge(struct run *run, const struct execution *execution, struct ending *ending)
{
    const struct task *task = execution->task;
    size_t host = (size_t)(plan_slot_host(run->plan, task->slot) - run->plan->hosts);
    if (!far_host_lost(execution))
        return;
    /* One that nobody ends over there must not run beside itself. A client here has ended, what it
     * has begun there has perhaps not: only what creates may be begun twice. */
    bool here = !execution->launch.command.env;
    const struct use *inner = here ? &task->step->uses[task->step->n_uses - 1] : NULL;
    bool creates = inner && inner->builder->flags & CIPLUG_BUILDER_CREATES;
    ending->lost = creates || execution->end.guarded;
    /* Until its guard has ended it, for want of a word from here. */
    if (SAFEGUARD(lease_before_requeue) && !here)
        ending->rest_ns = GUARD_LEASE_S * NS_PER_S + task->step->grace_ns;
    if (!hosts_lost(run->hosts, host))
        hosts_note_lost(run->hosts, host, execution->far.host_lost, execution->far.host_lost_ns);
}

void run_hosts_tell(struct run *run, const struct ending *ending)
{
    if (!ending->aside)
        return;
    run_emit_notice(run, "host %s is put aside: 3 failures in a row only there",
                    ending->aside->name);
    strv_push(&run->aside, ending->aside->name);
}

/* In the reason, which stands in the last line: a notice is not seen with -q. */
void run_hosts_conclude(struct run *run)
{
    AUTO_STRBUF struct strbuf reason = STRBUF_INIT;
    if (run->reason)
        strbuf_addstr(&reason, run->reason);
    for (size_t i = 0; i < run->aside.n; i++)
        strbuf_addf(&reason, "%shost %s was put aside: 3 failures in a row only there",
                    reason.len ? "; " : "", run->aside.v[i]);
    if (run->aside.n > 0) {
        free(run->reason);
        run->reason = strbuf_detach(&reason);
    }
    strv_free(&run->aside);
}
