/* SPDX-License-Identifier: MIT
 *
 * A small command beside the run, on this machine, through keeper and hand like every other: `if`,
 * `ready`, `on_failure`, copying artifacts. Bounded; its whole tree goes with it.
 */
#ifndef CIPLUG_CORE_SIDE_H
#define CIPLUG_CORE_SIDE_H

#include "attempt.h"
#include "mask.h"

#include <stdbool.h>

struct side;

struct side_hooks {
    /* It only asks: a pause of the run does not stop it, since it would be late then. */
    bool steady;
    /* Output, both streams in order; NULL: only the last line is kept. */
    void (*bytes)(void *data, const void *bytes, size_t length);
    /* `status`: exit code, or -1 where there is none; `what` says in one line how it ended, with
     * its last line of output. The side is gone after this. */
    void (*done)(void *data, int status, const char *what);
};

/* NULL with errno; no hook is called then. `mask` (borrowed, may be NULL) is for the line that
 * done() gets; bytes() gets them as they are. */
struct side *side_start(struct hands *hands, const struct argv *argv, uint64_t timeout_ns,
                        const struct mask *mask, const struct side_hooks *hooks, void *data);
/* SIGKILL it; done() still comes. */
void side_kill(struct side *side);

#endif
