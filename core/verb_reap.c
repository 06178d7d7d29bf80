/* SPDX-License-Identifier: MIT */
#include "journal.h"
#include "keeper.h"
#include "rundir.h"
#include "runs.h"
#include "util.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>

/* What a dead run said it would make. */
static void on_record(void *data, const char *name, const void *record)
{
    unsigned *reaped = data;
    const json_t *object = record;
    if (strcmp(name, "intent") != 0)
        return;
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *what = json_string_value(json_object_get(object, "what"));
    if (!kind || !what || strcmp(kind, "cgroup") != 0)
        return;
    if (keeper_reap_cgroup(what) < 0)
        msg(MSG_WARNING, "cannot end what is in %s: %s", what, strerror(errno));
    else
        ++*reaped;
}

static int reap_run(const char *path)
{
    const char *run = strrchr(path, '/') + 1;
    if (rundir_alive(path)) {
        msg(MSG_NOTICE, "run %s is alive: left alone", run);
        return 0;
    }
    unsigned folders = 0;
    uint64_t good;
    struct journal_reader reader = {.other = on_record, .data = &folders};
    if (journal_replay(path, &reader, &good) < 0 && errno != ENOENT) {
        msg(MSG_ERROR, "cannot read the journal of run %s: %s", run, strerror(errno));
        return 3;
    }
    AUTO_FREE char *marker = xasprintf("CIPLUG_JOB=%s.", run);
    unsigned processes = keeper_reap_marker(marker);
    msg(processes ? MSG_NOTICE : MSG_DEBUG, "run %s: %u process%s ended", run, processes,
        processes == 1 ? "" : "es");
    return 0;
}

static int reap_all(const char *state)
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
        int one = reap_run(path);
        status = status ? status : one;
    }
    run_list_free(&list);
    return status;
}

int verb_reap(const struct cli *cli)
{
    int status = 0;
    for (size_t i = 0; i < cli->words.n; i++) {
        AUTO_FREE char *path = rundir_find(cli->run.state_dir, cli->words.v[i]);
        int one = path ? reap_run(path) : 2;
        status = status ? status : one;
    }
    return cli->words.n ? status : reap_all(cli->run.state_dir);
}
