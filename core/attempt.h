/* SPDX-License-Identifier: MIT
 *
 * One attempt of one command: its pipes and its way through the states
 *
 *     starting -> running -> ended -> draining -> done
 *
 * The hand says when it starts, ends and has swept; the attempt adds what was still in the pipes.
 * Also used for the small commands beside (`if`, `ready`, `on_failure`, copying artifacts).
 *
 * A guarded command (docs/guard.md) runs elsewhere; here is only its client. What counts then is
 * what the marks in its streams say: it has started with the first one, and how it ended stands in
 * its trailer. The client's exit code says nothing.
 */
#ifndef CIPLUG_CORE_ATTEMPT_H
#define CIPLUG_CORE_ATTEMPT_H

#include "argv.h"
#include "hands.h"
#include "mask.h"

#include <stdbool.h>
#include <stdint.h>

/* How long pipes are read after nothing of the command is left to write to them. */
#define ATTEMPT_DRAIN_MS 250

/* How much of what the client itself says is kept: its last words. */
#define ATTEMPT_SAID_MAX 4096

/* All borrowed, until attempt_start() returns but for the mask, which has to outlive the attempt.
 */
struct attempt_guard {
    const char *nonce;   /* of the marks */
    const void *prelude; /* what the guard reads before it starts the command */
    size_t length;
    const struct mask *mask; /* for client_said; may be NULL */
};

struct attempt_request {
    const struct argv *argv; /* guarded: the client with the guard */
    int stdin_fd;            /* borrowed; -1: /dev/null; guarded: not used, it is the channel */
    bool merge;              /* one pipe for both streams: true order. Guarded: only the standard
                                output has marks, the rest is the client's */
    uint64_t timeout_ns;     /* guarded: from the begin mark */
    uint64_t hold_ns, grace_ns, confirm_ns;
    enum hand_on_leak on_leak;
    const char *marker;
    const struct attempt_guard *guard; /* NULL: none */
    bool steady;                       /* a pause of the run does not stop it */
};

struct attempt_end {
    bool lost;    /* the hand died: what became of the command is not known, but it is dead */
    bool refused; /* never started: where, error */
    enum hand_where where;
    int error;
    int unread;   /* errno: not all that it wrote could be read */
    bool started; /* guarded: `begun` */
    pid_t pid;
    int code, status; /* as in hand_event; guarded: the client's */
    enum hand_ended ended;
    uint32_t leaked, unkillable, via;
    uint64_t started_ns, ended_ns; /* CLOCK_MONOTONIC; ended: of its first process */
    char text[HAND_TEXT_MAX];
    bool guarded;
    bool begun;       /* the begin mark has come */
    bool confirmed;   /* its guard has said how it ended and that nothing is left */
    bool unconfirmed; /* guarded and not refused, but that is missing: something may live on */
    int guard_exit;   /* where confirmed: as `$?` of a shell; says nothing unless it ended itself */
    unsigned guard_left; /* where confirmed: left behind by the command and killed */
    /* What the client itself said: before the begin mark, behind the trailer on the standard error.
     * Its last bytes, already masked; no NUL within. */
    char client_said[ATTEMPT_SAID_MAX];
};

struct attempt;

struct attempt_hooks {
    /* exec has happened; guarded: the begin mark has come. */
    void (*started)(void *data, const struct attempt_end *so_far);
    /* Bytes of stream 1 or 2, borrowed. */
    void (*bytes)(void *data, int stream, const void *bytes, size_t length);
    /* With hold_ns: the deadline was reached or it failed (guarded: it did not succeed for
     * certain); nothing is killed until attempt_go() or hold_ns is over. NULL: not wanted. */
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
