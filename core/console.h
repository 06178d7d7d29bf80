/* SPDX-License-Identifier: MIT
 *
 * The built-in reporter: a struct ciplug_plugin like any other, on top of a screen.
 */
#ifndef CIPLUG_CORE_CONSOLE_H
#define CIPLUG_CORE_CONSOLE_H

#include "event.h"
#include "screen.h"
#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>

struct console_settings {
    struct screen *screen;
    int output;     /* CIPLUG_OUTPUT_...: of the run; a step's own wins (event->output) */
    bool progress;  /* a live area: stdout is a terminal and nobody said no */
    bool heartbeat; /* a line every 30 s instead */
    bool color;
    int verbosity;                /* -1, 0, 1 */
    const struct runclock *clock; /* what times are shown of; NULL: CLOCK_MONOTONIC */
    bool replay;                  /* of a finished run: no live parts */
    const struct events *events;  /* whose marks stand on the screen; NULL: nobody's */
};

struct console;
struct console *console_new(const struct console_settings *settings);
void console_free(struct console *console);
/* The reporter's table; self is the console. */
extern const struct ciplug_reporter console_reporter;
/* Called by the run's timer once a second: live area, heartbeat. `now_ns`: of the clock. */
void console_tick(struct console *console, uint64_t now_ns);
/* SIGUSR1: what runs, since when, with its last line; then `more` lines (NULL: none). */
void console_dump(struct console *console, const struct strbuf *more);

#endif
