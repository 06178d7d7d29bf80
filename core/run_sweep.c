/* SPDX-License-Identifier: MIT
 *
 * What the run creates outside: written down before, removed at its end.
 */
#include "run_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EACH_NS   (60 * NS_PER_S)
#define ALL_NS    (120 * NS_PER_S)
#define ENTER_MAX 10

int run_note_intents(struct run *run, const struct launch *launch)
{
    for (size_t i = 0; i < launch->intents.n; i++) {
        const struct intent *intent = &launch->intents.list[i];
        if (!intents_add(&run->intents, intent))
            continue;
        if (SAFEGUARD(intent_before_start) && journal_intent(&run->journal, intent) < 0) {
            int error = run->journal.error;
            run_emit_journal_failed(run);
            errno = error;
            return -1;
        }
    }
    return 0;
}

/* ---- at the end ---- */

static void tell_outside(struct run *run)
{
    AUTO_STRBUF struct strbuf what = STRBUF_INIT;
    outside_describe(&run->outside.removed, &what);
    if (what.len)
        run_emit_notice(run, "swept what the cleanup steps left: %s", what.buf);
    for (size_t i = 0; i < run->outside.left.n; i++)
        run_emit_notice(run, "cannot be removed: %s", run->outside.left.v[i]);
    if (run->outside.left.n > 0) {
        run_emit_notice(run, "every start tries that again, and: ciplug reap %s", run->dir.run);
        /* That a host was lost is no verdict on what ran elsewhere. */
        run->incomplete |= run->outside.n_lost < run->outside.left.n;
    }
}

static void conclude(struct run *run)
{
    run->sweep = NULL;
    outside_conclude(&run->outside);
    tell_outside(run);
}

static void on_swept(void *data)
{
    struct run *run = data;
    conclude(run);
    if (run->phase == PHASE_SWEEP) {
        run->phase = PHASE_END;
        uv_stop(&run->loop);
    }
}

static const char *lost(void *data, const struct intent *intent)
{
    const struct run *run = data;
    for (size_t i = 0; intent->host && i < run->plan->n_hosts; i++) {
        if (strcmp(run->plan->hosts[i].name, intent->host) == 0)
            return hosts_lost(run->hosts, i);
    }
    return NULL;
}

bool run_sweep_begin(struct run *run)
{
    bool rushed = run->executor.rushed;
    const struct outside_request request = {
        .loaded = run->plan->plugins,
        .more = &run->reapers,
        .run = run->dir.run,
        .owner = run->owner,
        .intents = &run->intents,
        .each_ns = rushed ? RUSHED_NS : EACH_NS,
        .lost = lost,
        .data = run,
    };
    if (run->intents.n == 0 || !SAFEGUARD(sweep_at_end))
        return false;
    outside_ask(&run->outside, &request);
    const struct errands_request errands = {
        .list = run->outside.errands,
        .n = run->outside.n,
        .end_ns = clock_mono_ns() + (rushed ? RUSHED_NS : ALL_NS),
        .mask = run->mask,
    };
    run->sweep = errands_start(&run->hands, &errands, on_swept, run);
    return run->sweep;
}

void run_sweep_rush(struct run *run)
{
    run->sweep_rushed = run->sweep;
}

void run_sweep_kill(struct run *run)
{
    if (run->sweep && run->sweep_rushed && SAFEGUARD(sweep_has_five_seconds))
        errands_kill(run->sweep);
}

/* ---- --keep ---- */

/* People have their own environment: only what leads to the place. */
static void keep_what_leads(struct argv *argv)
{
    AUTO_STRV struct strv all = argv->env;
    argv->env = (struct strv)STRV_INIT;
    free(argv->cwd);
    argv->cwd = NULL;
    for (size_t i = 0; i < all.n; i++) {
        if (!str_starts(all.v[i], "CI=") && !str_starts(all.v[i], "CI_"))
            strv_push(&argv->env, all.v[i]);
    }
}

void run_note_place(struct run *run, struct execution *execution)
{
    AUTO_ARGV struct argv argv = ARGV_INIT;
    AUTO_STRBUF struct strbuf shown = STRBUF_INIT;
    if (!run->options->keep || run->phase != PHASE_STEPS || run->enter.n >= ENTER_MAX ||
        launch_beside(&execution->launch, LAUNCH_ENTER, NULL, NULL, &argv) <= 0)
        return;
    keep_what_leads(&argv);
    argv_show(&shown, &argv, &run->plan->mask_names, run->mask);
    if (!strv_has(&run->enter, strbuf_text(&shown)))
        strv_push(&run->enter, strbuf_text(&shown));
}

void run_tell_kept(struct run *run)
{
    if (!run->kept)
        return;
    run_emit_notice(run, "kept as it is, no cleanup step has run; look inside: %s", run->dir.path);
    for (size_t i = 0; i < run->enter.n; i++)
        run_emit_notice(run, "look inside: %s", run->enter.v[i]);
    AUTO_STRBUF struct strbuf state = STRBUF_INIT;
    if (strcmp(run->options->state_dir, ".ciplug") != 0) {
        strbuf_addstr(&state, "--state-dir ");
        shell_quote(&state, run->options->state_dir);
        strbuf_addch(&state, ' ');
    }
    run_emit_notice(run, "end it with: ciplug reap %s%s", strbuf_text(&state), run->dir.run);
}

void run_sweep_free(struct run *run)
{
    intents_free(&run->intents);
    outside_free(&run->outside);
    strv_free(&run->enter);
    plugins_close(&run->reapers);
}
