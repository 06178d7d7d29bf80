/* SPDX-License-Identifier: MIT
 *
 * The hand's end of a guarded command's control channel: a pipe to the client's standard input.
 * docs/guard.md has its lines. Nothing here waits: what the pipe does not take now goes with
 * control_flush(). Orders are kept as what has still to be said, not as a queue, so that they
 * need no memory however long nobody reads.
 */
#ifndef CIPLUG_CORE_CONTROL_H
#define CIPLUG_CORE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_SIGNAL_MAX 12

/* All zeros is one that is closed. */
struct control {
    bool open;
    int fd;      /* the write end: non-blocking, close-on-exec */
    int prelude; /* a file, until all of it has gone; or -1 */
    off_t at;    /* in it */
    uint64_t beat_ns;
    char soft[CONTROL_SIGNAL_MAX]; /* still to be said; "": nothing */
    bool paused, told_paused;
};

/* Make the pipe. `prelude` is the control's then: a file, read from its beginning. The other end
 * for the client, close-on-exec; -1 with errno: nothing was made or taken. */
int control_open(struct control *control, int prelude);
/* Write what is to be said, as far as the pipe takes it; a heartbeat where it is due. Closes the
 * channel when nobody is there to read. */
void control_flush(struct control *control);
/* Whether control_flush() waits for room in the pipe. */
bool control_waits(const struct control *control);
/* When control_flush() is to be called for the next heartbeat, CLOCK_MONOTONIC; 0: never. */
uint64_t control_due(const struct control *control);
/* Orders: `signo` (and CONT) to the command's tree; STOP or CONT to it. */
void control_soft(struct control *control, int signo);
void control_pause(struct control *control, bool paused);
/* SIGKILL to the command's tree: says so if there is room, and closes, which means the same. */
void control_kill(struct control *control);
/* Also where it is closed. */
void control_close(struct control *control);

#endif
