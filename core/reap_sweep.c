/* SPDX-License-Identifier: MIT
 *
 * The sweep at every start, and for how long it may keep a run waiting.
 */
#include "keeper.h"
#include "msg.h"
#include "reap.h"
#include "runs.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SWEEP_NS   (2 * NS_PER_S)
#define OUTSIDE_NS (20 * NS_PER_S) /* for plugins' commands, beside that */
#define EACH_NS    (10 * NS_PER_S) /* of it, for one */

bool reap_is_owed(const char *path)
{
    enum journal_end end = journal_end(path);
    return end == JOURNAL_OPEN || end == JOURNAL_KEPT || end == JOURNAL_LEFT;
}

struct sweeping {
    const struct reap_sweep *sweep;
    uint64_t end_ns, outside_end_ns;
    bool interrupted;
};

static void tell_left(const struct reap_sweep *sweep, const char *id, const struct strv *left)
{
    for (size_t i = 0; i < left->n; i++) {
        AUTO_FREE char *text = xasprintf("dead run %s left %s", id, left->v[i]);
        sweep->tell(sweep->data, text);
    }
}

static void sweep_run(struct sweeping *sweeping, const char *path, const char *id)
{
    const struct reap_sweep *sweep = sweeping->sweep;
    struct reap reap = {.by = sweep->dir->run,
                        .end_ns = sweeping->end_ns,
                        .keeper = sweep->keeper,
                        .loaded = sweep->loaded,
                        .more = sweep->more,
                        .each_ns = EACH_NS,
                        .outside_end_ns = sweeping->outside_end_ns,
                        .heed = true};
    AUTO_STRBUF struct strbuf what = STRBUF_INIT;
    enum reap_result result = reap_run(&reap, path);
    int error = errno;
    reap_describe(&reap, &what);
    if (what.len) {
        AUTO_FREE char *text = xasprintf("swept what dead run %s left: %s", id, what.buf);
        sweep->tell(sweep->data, text);
    }
    if (result == REAP_FAILED)
        msg(MSG_DEBUG, "cannot sweep what run %s left: %s", id, strerror(error));
    if (!reap.again)
        tell_left(sweep, id, &reap.reaped.left);
    sweeping->end_ns += reap.outside_took_ns;
    sweeping->interrupted |= reap.interrupted;
    reap_clear(&reap);
}

static void sweep_list(struct sweeping *sweeping, const struct run_list *list, const char *runs)
{
    for (size_t i = 0; i < list->n && !sweeping->interrupted; i++) {
        const char *id = list->list[i].id;
        AUTO_FREE char *path = xasprintf("%s/%s", runs, id);
        enum journal_end end = journal_end(path);
        if (strcmp(id, sweeping->sweep->dir->run) == 0 ||
            (end != JOURNAL_OPEN && end != JOURNAL_LEFT))
            continue;
        if (clock_mono_ns() >= sweeping->end_ns) {
            msg(MSG_DEBUG, "not all dead runs could be swept now");
            return;
        }
        sweep_run(sweeping, path, id);
    }
}

void reap_dead_runs(const struct reap_sweep *sweep)
{
    uint64_t now = clock_mono_ns();
    struct sweeping sweeping = {
        .sweep = sweep, .end_ns = now + SWEEP_NS, .outside_end_ns = now + OUTSIDE_NS};
    struct run_list list = {0};
    AUTO_FREE char *runs = xasprintf("%s/runs", sweep->dir->state);
    AUTO_CLOSE int fd = open(runs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !SAFEGUARD(sweep_at_start))
        return;
    run_list_read(&list, fd);
    sweep_list(&sweeping, &list, runs);
    run_list_free(&list);
    unsigned empty = SAFEGUARD(nameless_cgroups) ? keeper_reap_empty_cgroups() : 0;
    if (empty)
        msg(MSG_DEBUG, "%u cgroup folders of dead runners were removed", empty);
}
