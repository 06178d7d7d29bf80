/* SPDX-License-Identifier: MIT
 *
 * One attempt of one command: its pipes and its way through the states
 *
 *     starting -> running -> ended -> draining -> done
 *
 * The hand says when it starts, ends and has swept; the attempt adds what was still in the pipes.
 * Also used for the small commands beside (`if`, `ready`, `on_failure`, copying artifacts).
 */
#ifndef CIPLUG_CORE_ATTEMPT_H
#define CIPLUG_CORE_ATTEMPT_H

#include "argv.h"
#include "hands.h"

#include <stdbool.h>
#include <stdint.h>

/* How long pipes are read after nothing of the command is left to write to them. */
#define ATTEMPT_DRAIN_MS 250

struct attempt_request {
    const struct argv *argv;
    int stdin_fd; /* borrowed; -1: /dev/null */
    bool merge;   /* one pipe for both streams: true order */
    uint64_t timeout_ns, hold_ns, grace_ns, confirm_ns;
    enum hand_on_leak on_leak;
    const char *marker;
};

struct attempt_end {
    bool lost;    /* the hand died: what became of the command is not known, but it is dead */
    bool refused; /* never started: where, error */
    enum hand_where where;
    int error;
    int unread; /* errno: not all that it wrote could be read */
    bool started;
    pid_t pid;
    int code, status; /* as in hand_event */
    enum hand_ended ended;
    uint32_t leaked, unkillable, via;
    uint64_t started_ns, ended_ns; /* CLOCK_MONOTONIC; ended: of its first process */
    char text[HAND_TEXT_MAX];
};

struct attempt;

struct attempt_hooks {
    /* exec has happened. */
    void (*started)(void *data, const struct attempt_end *so_far);
    /* Bytes of stream 1 or 2, borrowed. */
    void (*bytes)(void *data, int stream, const void *bytes, size_t length);
    /* With hold_ns: the deadline was reached or it failed; nothing is killed until attempt_go() or
     * hold_ns is over. NULL: not wanted. */
    void (*held)(void *data, const struct attempt_end *so_far);
    /* Nothing more comes. The attempt is gone after this. */
    void (*done)(void *data, const struct attempt_end *end);
};

/* NULL with errno when it could not even be tried (no descriptors, no hand); no hook is called
 * then. */
struct attempt *attempt_start(struct hands *hands, const struct attempt_request *request,
                              const struct attempt_hooks *hooks, void *data);
/* Orders to the hand; each may be given at any time until done. */
void attempt_stop(struct attempt *attempt, int signo);
void attempt_kill(struct attempt *attempt);
void attempt_go(struct attempt *attempt);
/* Stop or go on reading (the log's disk is slow). */
void attempt_hold_reading(struct attempt *attempt, int stream, bool hold);

#endif
