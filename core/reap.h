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
#include "keeper.h"
#include "plugins.h"
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
    bool named;      /* with it: plugins are asked again, too, though nothing was left */
    uint64_t end_ns; /* of patience, CLOCK_MONOTONIC */
    /* For what is outside. The run's plugins, or NULL; others are loaded into `more`. */
    struct keeper *keeper;
    const struct plugins *loaded;
    struct plugins *more;
    uint64_t each_ns, outside_end_ns; /* for one command of a plugin; CLOCK_MONOTONIC, for all */
    bool heed;                        /* signals that ask for the end: errands_run() */
    /* What came of it. */
    struct journal_reaped reaped;
    bool again;       /* the same is left as the last time */
    bool interrupted; /* by such a signal */
    uint64_t outside_took_ns;
};

/* The folder of the run. reap_clear() afterwards, whatever the result. */
enum reap_result reap_run(struct reap *reap, const char *path);
void reap_clear(struct reap *reap);
/* "3 processes, 2 containers", or "" when there was nothing. */
void reap_describe(const struct reap *reap, struct strbuf *out);

/* The sweep of the run `dir` at its start: every other run of the state folder that was killed, or
 * could not remove all that it had created. `tell` gets a line for each that had left something.
 * Quick where there is none; at most 2 s, and 20 s more where plugins have to remove something; a
 * signal that asks for the end ends it, too. */
struct reap_sweep {
    const struct rundir *dir;
    struct keeper *keeper;
    const struct plugins *loaded;
    struct plugins *more;
    void (*tell)(void *data, const char *text);
    void *data;
};
void reap_dead_runs(const struct reap_sweep *sweep);
/* Whether the run in this folder may have left something that nobody has removed yet. */
bool reap_is_owed(const char *path);

#endif
