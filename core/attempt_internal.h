/* SPDX-License-Identifier: MIT
 *
 * Between attempt.c and attempt_guard.c, which is what a guarded command's attempt does otherwise.
 */
#ifndef CIPLUG_CORE_ATTEMPT_INTERNAL_H
#define CIPLUG_CORE_ATTEMPT_INTERNAL_H

#include "attempt.h"
#include "marked.h"
#include "strbuf.h"

#include <uv.h>

enum state { STARTING, RUNNING, ENDED, DRAINING, DONE };

struct stream {
    uv_pipe_t pipe;
    struct attempt *attempt;
    int number;
    bool open;
    bool held;          /* by attempt_hold_reading() */
    bool waiting;       /* guarded: for the begin of the command, before which nothing is told */
    struct strbuf kept; /* and what it has for then */
};

struct attempt {
    enum state state;
    uint64_t id;
    struct pooled *pooled;
    struct attempt_hooks hooks;
    void *data;
    struct stream streams[2];
    uv_timer_t drain; /* before that: an order that could not be sent */
    enum hand_order unsent;
    int unsent_signo;
    int handles; /* that are not closed yet */
    bool looked; /* the drain is over; one more look at what the pipes hold */
    bool keep;   /* what it leaves behind stays in its hand */
    bool holds;  /* the hand waits for attempt_go() */
    struct attempt_end end;
    /* Guarded. */
    struct marked marked;
    uv_timer_t quiet;  /* after the trailers: nothing has followed for a while */
    uint64_t begun_ns; /* when its begin mark was seen; 0: not yet */
    uint64_t whole_ns; /* since when the trailers are whole; 0: they are not */
    bool asked;        /* to end before they were whole, by its time limit or by an order */
    bool settled;      /* it had ended by itself, whatever becomes of the client */
    bool hung;         /* so its client was ended for nothing else */
    bool judges_now;   /* the time for them is over, but for one more look */
    bool judges;       /* the hand holds until the streams have said how it ended */
};

void attempt_order(struct attempt *attempt, enum hand_order what, int signo);
void attempt_closed(uv_handle_t *handle);    /* of each handle when it is closed */
void attempt_reading(struct stream *stream); /* or not, as `held` and `waiting` say */

/* The prelude as a file; -1 with errno. */
int guarded_prelude(const struct attempt_guard *guard);
/* Before any stream is opened. */
void guarded_open(struct attempt *attempt, uv_loop_t *loop, const struct attempt_request *request);
/* HAND_STARTED: the client runs. */
void guarded_launched(struct attempt *attempt);
void guarded_bytes(struct stream *stream, const void *bytes, size_t length);
/* A stream is at its end. */
void guarded_stream_ended(struct attempt *attempt);
/* It is to end, from `at_ns` on. True: it had ended by itself before, and the client is killed. */
bool guarded_had_ended(struct attempt *attempt, uint64_t at_ns);
/* The client ended by itself, and the hand holds. */
void guarded_held(struct attempt *attempt);
/* The last bytes, and what they say about the end. */
void guarded_finish(struct attempt *attempt);
void guarded_free(struct attempt *attempt);

#endif
