/* SPDX-License-Identifier: MIT
 *
 * What the files of the console share. Nobody else includes this.
 *
 *   console.c          events, and what is said about each
 *   console_output.c   the output of commands: when which bytes go to the screen
 *   console_marks.c    what others want to stand around output
 *   console_live.c     what changes with time: live area, heartbeat, SIGUSR1
 *   console_cases.c    failed cases of JUnit files
 *   console_summary.c  the end: failures once more, the ledger
 */
#ifndef CIPLUG_CORE_CONSOLE_STATE_H
#define CIPLUG_CORE_CONSOLE_STATE_H

#include "console.h"
#include "ledger.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One log of a running command. Bytes are never kept: they stand in the file. */
struct console_stream {
    char *path;     /* NULL: none */
    uint64_t shown; /* bytes that were handed to the screen */
    uint64_t whole; /* end of the last whole line */
    uint64_t end;
};

/* An attempt that has started and not ended. */
struct console_running {
    char *step;
    uint32_t number;
    char *name;          /* harmless: "unit 4 [x]" */
    char *place;         /* harmless: "worker 2" */
    int output;          /* CIPLUG_OUTPUT_...; never 0 */
    uint64_t started_ns; /* monotonic */
    uint64_t started_wall_ns;
    bool following; /* group: its lines are shown as they come */
    bool headed;    /* and its header stands above them */
    struct console_stream streams[2];
};

/* Failed cases of the attempt that ends next, or has just ended: they come in one piece. */
struct console_cases {
    char *step; /* NULL: none yet */
    uint32_t number, attempt;
    struct strv lines, items; /* as shown; whose each is, "": not known */
};

/* Something for the list at the end. */
struct console_failure {
    char *line;  /* as shown when it happened */
    char *cases; /* lines of the cases that failed; NULL: none */
    bool cleanup;
    bool tail; /* its last lines are shown again */
    struct console_stream streams[2];
};

struct console_step {
    char *name;
    bool cleanup;
    bool closed;
    size_t finished; /* commands that were shown */
    struct {
        size_t commands;
        char *reason; /* of the first */
    } never[2];       /* what never started: cancelled, skipped */
};

struct console {
    struct console_settings settings;
    char *cwd; /* NULL: not known */
    char *run;
    char *run_dir;
    uint64_t started_wall_ns, ended_wall_ns;
    uint64_t started_ns, last_start_ns, visible_ns; /* monotonic */
    bool block;                                     /* a mark was opened for one command */
    bool finished;                                  /* RUN_FINISHED was seen */
    int exit_status;
    char *reason;
    struct ledger ledger;
    uint64_t interrupted;            /* units among its errors that have not ended */
    struct console_running *running; /* in the order in which they started */
    size_t n_running, running_alloc;
    struct console_failure *failures;
    size_t n_failures, failures_alloc;
    struct console_step *steps;
    size_t n_steps, steps_alloc;
    struct console_cases cases;
    struct strv flaky, leaked;
};

/* Of the run's clock, as all times here. */
uint64_t console_now(const struct console *console);
/* Text of the console; notes that something could be seen. */
void console_say(struct console *console, const struct strbuf *text, bool droppable);

/* console_output.c */
struct console_running *console_start(struct console *console, const struct ciplug_event *event);
struct console_running *console_find(struct console *console, const struct ciplug_event *event);
/* Bytes have arrived. */
void console_bytes(struct console *console, struct console_running *running,
                   const struct ciplug_event *event);
/* An attempt ended: its output and its line, in the right order. `running` may be NULL. */
void console_end(struct console *console, struct console_running *running,
                 const struct ciplug_event *event, const struct strbuf *line);
/* What is said next is not of the command that is followed: it may not stand in that one's marks.
 */
void console_end_block(struct console *console);
/* Begin to follow the last running command where that is due. */
void console_follow(struct console *console, uint64_t now_ns);
void console_running_clear(struct console_running *running);
/* Outcomes that are shown under -q, and listed at the end. */
bool console_is_failure(const struct ciplug_result *result);

/* console_marks.c */
/* Before anything is shown. */
void console_marks_begin(struct console *console);
/* Above output; `line` (NULL: of several commands) is what is said of it, `event` (or NULL) of its
 * end. Whether a mark says it. */
bool console_mark_open(struct console *console, const struct strbuf *line,
                       const struct ciplug_event *event);
/* Below it; with `event` below all that is said of its command. */
void console_mark_close(struct console *console, const struct ciplug_event *event);

/* console_live.c */
void console_status(struct console *console, uint64_t now_ns);

/* console_cases.c */
void console_case(struct console *console, const struct ciplug_event *event);
/* Lines of the failed cases of what has ended, the first few; the caller's. NULL: none. */
char *console_cases_of(const struct console *console, const struct ciplug_event *event);
void console_cases_clear(struct console_cases *cases);

/* console_summary.c */
void console_remember(struct console *console, const struct ciplug_event *event,
                      const struct strbuf *line);
void console_remember_line(struct console *console, const struct strbuf *line, bool cleanup);
void console_summary(struct console *console);
void console_failure_clear(struct console_failure *failure);
/* Where the last lines of a file begin: at most `lines` of them in its last `bytes`. Reads a
 * bounded piece of a regular file. 0, or -1 when there is nothing. */
int console_tail(const char *path, size_t bytes, size_t lines, uint64_t *offset,
                 struct strbuf *text);

#endif
