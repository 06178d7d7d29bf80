/* SPDX-License-Identifier: MIT */
#include "keeper.h"
#include "reap.h"
#include "runs.h"
#include "util.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PATIENCE_NS (10 * NS_PER_S)
/* For what is outside: a command of a plugin, and all that one run needs. */
#define EACH_NS    (60 * NS_PER_S)
#define OUTSIDE_NS (600 * NS_PER_S)

struct reaper {
    struct keeper *keeper;
    struct plugins plugins; /* loaded as journals name them */
    bool named;
};

static int tell_done(const struct reap *reap, const char *run)
{
    AUTO_STRBUF struct strbuf what = STRBUF_INIT;
    reap_describe(reap, &what);
    if (what.len)
        msg(MSG_NOTICE, "run %s: %s ended", run, what.buf);
    else
        msg(MSG_DEBUG, "run %s: nothing was left", run);
    for (size_t i = 0; i < reap->reaped.removed.n; i++)
        msg(MSG_DEBUG, "run %s: %s", run, reap->reaped.removed.v[i]);
    for (size_t i = 0; i < reap->reaped.left.n; i++)
        msg(MSG_WARNING, "run %s left %s", run, reap->reaped.left.v[i]);
    return reap->reaped.left.n ? 3 : 0;
}

static int reap_one(struct reaper *reaper, const char *path)
{
    const char *run = strrchr(path, '/') + 1;
    uint64_t now = clock_mono_ns();
    struct reap reap = {.by = "reap",
                        .all = true,
                        .named = reaper->named,
                        .end_ns = now + PATIENCE_NS,
                        .keeper = reaper->keeper,
                        .more = &reaper->plugins,
                        .each_ns = EACH_NS,
                        .outside_end_ns = now + OUTSIDE_NS};
    int status = 0;
    switch (reap_run(&reap, path)) {
    case REAP_ALIVE:
        msg(MSG_NOTICE, "run %s is alive: left alone", run);
        break;
    case REAP_BUSY:
        msg(MSG_NOTICE, "run %s: somebody else is ending what it left", run);
        break;
    case REAP_FAILED:
        msg(MSG_ERROR, "cannot look for what run %s left: %s", run, strerror(errno));
        status = 3;
        break;
    case REAP_DONE:
        status = tell_done(&reap, run);
        break;
    case REAP_NOTHING:
        break;
    }
    reap_clear(&reap);
    return status;
}

static int reap_all(struct reaper *reaper, const char *state)
{
    AUTO_FREE char *runs = xasprintf("%s/runs", state);
    AUTO_CLOSE int fd = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0) {
        msg(MSG_ERROR, "cannot read %s: %s", runs, strerror(errno));
        return 3;
    }
    int status = 0;
    struct run_list list = {0};
    run_list_read(&list, fd);
    for (size_t i = 0; i < list.n; i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", runs, list.list[i].id);
        int one = reap_one(reaper, path);
        status = status ? status : one;
    }
    run_list_free(&list);
    (void)keeper_reap_empty_cgroups();
    return status;
}

int verb_reap(const struct cli *cli, struct keeper *keeper)
{
    int status = 0;
    struct reaper reaper = {.keeper = keeper, .named = cli->words.n > 0};
    plugins_init(&reaper.plugins, cli->plugin_path);
    for (size_t i = 0; i < cli->words.n; i++) {
        AUTO_FREE char *path = rundir_find(cli->run.state_dir, cli->words.v[i]);
        int one = path ? reap_one(&reaper, path) : 2;
        status = status ? status : one;
    }
    if (!reaper.named)
        status = reap_all(&reaper, cli->run.state_dir);
    plugins_close(&reaper.plugins);
    return status;
}
