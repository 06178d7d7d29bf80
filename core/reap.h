/* SPDX-License-Identifier: MIT
 *
 * Removing what dead runs left: a run whose runner, keeper and hands were all killed. Its journal
 * names what it made outside (intents) and marks its processes. Used by `ciplug reap` and by the
 * sweep at every start. A living run is never touched: its lock is held, and its process is there
 * (so that the copy of a state folder is not mistaken for a dead run). What was done is appended to
 * the dead run's journal as run_reaped; who holds that journal open for it is the only one.
 */
#ifndef CIPLUG_CORE_REAP_H
#define CIPLUG_CORE_REAP_H

#include "journal.h"
#include "rundir.h"

#include <stdbool.h>
#include <stdint.h>

enum reap_result {
    REAP_DONE,    /* looked for, and ended what was there; what could not be is in ->left */
    REAP_NOTHING, /* nothing to look for: nothing was ever started, or others have seen to it */
    REAP_ALIVE,
    REAP_BUSY,   /* somebody else is at it */
    REAP_FAILED, /* errno */
};

struct reap {
    const char *by;  /* for the record: a run's id, or the verb */
    bool all;        /* also runs that have finished, were kept, or were reaped before */
    uint64_t end_ns; /* of patience, CLOCK_MONOTONIC */
    /* What came of it. */
    struct journal_reaped reaped;
    bool again; /* the same is left as the last time */
};

/* The folder of the run. reap_clear() afterwards, whatever the result. */
enum reap_result reap_run(struct reap *reap, const char *path);
void reap_clear(struct reap *reap);
/* "3 processes, 1 cgroup", or "" when there was nothing. */
void reap_describe(const struct reap *reap, struct strbuf *out);

/* The sweep of the run `dir` at its start: every other run of the state folder that was killed.
 * `tell` gets a line for each that had left something. Quick where there is none; at most 2 s. */
void reap_dead_runs(const struct rundir *dir, void (*tell)(void *data, const char *text),
                    void *data);
/* Whether the run in this folder may have left something that nobody has removed yet. */
bool reap_is_owed(const char *path);

#endif
