/* SPDX-License-Identifier: MIT
 *
 * A loop, a pool of hands, and one attempt of a guarded command at a time: what came of it.
 */
#ifndef CIPLUG_TESTS_ATTEMPT_PLACE_H
#define CIPLUG_TESTS_ATTEMPT_PLACE_H

#include "attempt.h"
#include "keeper-fixture.h"
#include "strbuf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One for all: it has to be forked before libuv does anything. */
static struct keeper keeper;

struct place {
    uv_loop_t loop;
    struct hands hands;
    char marker[64];
    struct attempt_request request;
    struct attempt_guard guard;
    /* Of the attempt. */
    struct attempt *attempt;
    struct strbuf bytes[2];
    unsigned started, held, done;
    bool early; /* bytes came before `started` */
    struct attempt_end end;
    void (*when_started)(struct place *place);
    void (*when_bytes)(struct place *place);
    void (*when_held)(struct place *place);
    uv_timer_t timer;
    void (*when_timer)(struct place *place);
};

static struct place place;

static inline void on_started(void *data, const struct attempt_end *so_far)
{
    struct place *p = data;
    p->started++;
    p->end = *so_far;
    if (p->when_started)
        p->when_started(p);
}

static inline void on_bytes(void *data, int stream, const void *bytes, size_t length)
{
    struct place *p = data;
    p->early |= p->started == 0;
    assert_true(length > 0);
    strbuf_add(&p->bytes[stream - 1], bytes, length);
    if (p->when_bytes)
        p->when_bytes(p);
}

static inline void on_held(void *data, const struct attempt_end *so_far)
{
    struct place *p = data;
    p->held++;
    p->end = *so_far;
    if (p->when_held)
        p->when_held(p);
}

static inline void on_done(void *data, const struct attempt_end *end)
{
    struct place *p = data;
    p->done++;
    p->end = *end;
    p->attempt = NULL;
    uv_stop(&p->loop);
}

static inline void on_timer(uv_timer_t *timer)
{
    struct place *p = timer->data;
    if (p->attempt && p->when_timer)
        p->when_timer(p);
}

static inline void on_too_late(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("no end within 30 s");
}

static inline int place_setup(void **state)
{
    static unsigned serial;
    place = (struct place){0};
    snprintf(place.marker, sizeof place.marker, "CIPLUG_JOB=attempt-%d-%u", (int)getpid(),
             serial++);
    if (uv_loop_init(&place.loop) < 0)
        return -1;
    hands_init(&place.hands, &place.loop, &keeper);
    uv_timer_init(&place.loop, &place.timer);
    place.timer.data = &place;
    place.guard = (struct attempt_guard){.nonce = "n0nce", .prelude = "go\n", .length = 3};
    place.request = (struct attempt_request){
        .stdin_fd = -1,
        .grace_ns = 10 * NS_PER_S,
        .marker = place.marker,
        .guard = &place.guard,
    };
    *state = &place;
    return 0;
}

static inline int place_teardown(void **state)
{
    struct place *p = *state;
    hands_close(&p->hands);
    uv_close((uv_handle_t *)&p->timer, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    hands_free(&p->hands);
    strbuf_free(&p->bytes[0]);
    strbuf_free(&p->bytes[1]);
    return uv_loop_close(&p->loop) < 0 || survivors_after(p->marker, 4000) > 0 ? -1 : 0;
}

static inline int place_keeper(void **state)
{
    (void)state;
    return keeper_start(&keeper);
}

static inline int place_end(void **state)
{
    (void)state;
    return keeper_finish(&keeper, 10 * NS_PER_S);
}

/* Run what p->request asks for to its end. */
static inline void place_run(struct place *p)
{
    static const struct attempt_hooks hooks = {
        .started = on_started, .bytes = on_bytes, .held = on_held, .done = on_done};
    uv_timer_t watchdog;
    strbuf_clear(&p->bytes[0]);
    strbuf_clear(&p->bytes[1]);
    p->started = p->held = p->done = 0;
    p->early = false;
    p->end = (struct attempt_end){0};
    p->attempt = attempt_start(&p->hands, &p->request, &hooks, p);
    assert_non_null(p->attempt);
    uv_timer_init(&p->loop, &watchdog);
    uv_timer_start(&watchdog, on_too_late, 30000, 0);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&watchdog, NULL);
    uv_timer_stop(&p->timer);
    uv_run(&p->loop, UV_RUN_NOWAIT);
    assert_int_equal(p->done, 1);
    assert_true(p->end.guarded);
    assert_false(p->early);
}

#endif
