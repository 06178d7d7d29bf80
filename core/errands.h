/* SPDX-License-Identifier: MIT
 *
 * Commands of plugins beside a run, several at once: removing what was created, `ciplug check`.
 * Each goes through keeper and hand like every other, is bounded, and takes its whole tree with it.
 */
#ifndef CIPLUG_CORE_ERRANDS_H
#define CIPLUG_CORE_ERRANDS_H

#include "attempt.h"
#include "mask.h"

#include <stdbool.h>
#include <stdint.h>

/* More lines than that, or longer ones, are cut: they are for people. */
#define ERRAND_LINES_MAX 1000
#define ERRAND_LINE_MAX  400

struct errand {
    struct argv argv; /* the caller's, like the whole struct */
    uint64_t timeout_ns;
    /* What came of it. */
    int status;         /* exit code; -1: none, also when it never started */
    struct strv lines;  /* of its standard output, those that are not empty; without control
                           characters */
    struct strbuf what; /* how it ended, with the last line of its standard error */
};
void errand_clear(struct errand *errand);

struct errands_request {
    struct errand *list; /* borrowed until the end */
    size_t n;
    uint64_t end_ns;         /* CLOCK_MONOTONIC, for all together; what is late is not started */
    const struct mask *mask; /* of what they print; may be NULL */
};

struct errands;
/* `done` comes when all have ended. NULL: it has come already, before this returned. */
struct errands *errands_start(struct hands *hands, const struct errands_request *request,
                              void (*done)(void *data), void *data);
/* SIGKILL what runs, start no more; done() still comes. */
void errands_kill(struct errands *errands);

/* The same on a loop of its own, until the end. `heed`: SIGINT, SIGTERM, SIGHUP and SIGQUIT kill
 * them; the caller's own watches of these signals get them too, afterwards. Whether one came. */
bool errands_run(struct keeper *keeper, const struct errands_request *request, bool heed);

#endif
