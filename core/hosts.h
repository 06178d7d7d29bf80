/* SPDX-License-Identifier: MIT
 *
 * The hosts of a run, as they are: what their builders want held (connections) is started, kept,
 * and started again when it ends; a host that was lost rests and is tried again, later each time.
 *
 *     (not opened) -> opening -> up -> resting -> opening -> ...
 *
 * A host for which nothing is held is taken for up until a command says otherwise, and again when
 * it has rested.
 */
#ifndef CIPLUG_CORE_HOSTS_H
#define CIPLUG_CORE_HOSTS_H

#include "hands.h"
#include "launch.h"
#include "schedule.h"

#include <uv.h>

struct hosts;

struct hosts_hooks {
    /* Before anything of it starts: write down what it may create. 0, or -1 with errno. */
    int (*intents)(void *data, const struct launch *launch);
    /* What the schedule is to know; not called before hosts_start() has returned. */
    void (*changed)(void *data, size_t host, enum host_state state);
    void (*tell)(void *data, const char *text);
    /* This folder will hold what is held: before anything is in it. */
    void (*folder)(void *data, const char *path);
};

/* All borrowed until hosts_free(). */
struct hosts *hosts_new(uv_loop_t *loop, struct hands *hands, struct launcher *launcher,
                        const struct hosts_hooks *hooks, void *data);
/* Begin with those that a selected step may use. 0, or -1 with errno: there is no folder for what
 * is held. */
int hosts_start(struct hosts *hosts);
enum host_state hosts_state(const struct hosts *hosts, size_t host);
/* Why nothing that runs on the host can be heard of; NULL: nothing is known against it. */
const char *hosts_lost(const struct hosts *hosts, size_t host);
/* A step begins that may use it. Whether one whose engine did not answer is asked once more now,
 * and to be waited for: a step before may have started it. */
bool hosts_want(struct hosts *hosts, size_t host);
/* A command has found out that the host does not answer, at `when_ns` (CLOCK_MONOTONIC): one that
 * has come back since is left alone. */
void hosts_note_lost(struct hosts *hosts, size_t host, const char *why, uint64_t when_ns);
/* No host is opened or prepared any more: what is to be removed must not come again. */
void hosts_quiet(struct hosts *hosts);
/* End all that is held; runs the loop until that is gone. */
void hosts_finish(struct hosts *hosts);
/* When the loop has closed its handles. */
void hosts_free(struct hosts *hosts);

#endif
