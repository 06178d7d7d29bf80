/* SPDX-License-Identifier: MIT */
#include "hands.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>

void hands_init(struct hands *hands, uv_loop_t *loop, struct keeper *keeper)
{
    *hands = (struct hands){.loop = loop, .keeper = keeper};
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Take it out of the pool and close its socket; its memory goes with the handle. */
static void dispose(struct pooled *pooled)
{
    struct hands *hands = pooled->pool;
    for (size_t i = 0; i < hands->n; i++) {
        if (hands->list[i] == pooled) {
            hands->list[i] = hands->list[--hands->n];
            break;
        }
    }
    uv_close((uv_handle_t *)&pooled->poll, on_closed);
    hand_close(&pooled->hand);
}

static void tell(struct pooled *pooled, const struct hand_event *event)
{
    if (pooled->busy)
        pooled->event(pooled->data, event);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct pooled *pooled = poll->data;
    struct hand_event event;
    int got;
    /* A callback may give the hand back and it may be closed: look again each time. */
    while ((got = hand_receive(&pooled->hand, &event)) > 0) {
        tell(pooled, &event);
        if (uv_is_closing((uv_handle_t *)poll))
            return;
    }
    if (got == 0)
        return;
    tell(pooled, NULL);
    if (!uv_is_closing((uv_handle_t *)poll))
        dispose(pooled);
}

static struct pooled *hand_new(struct hands *hands)
{
    struct pooled *pooled = xcalloc(1, sizeof *pooled);
    if (hand_open(hands->keeper, &pooled->hand) < 0) {
        free(pooled);
        return NULL;
    }
    int error = uv_poll_init(hands->loop, &pooled->poll, pooled->hand.fd);
    if (error) {
        hand_close(&pooled->hand);
        free(pooled);
        errno = -error;
        return NULL;
    }
    pooled->poll.data = pooled;
    pooled->pool = hands;
    uv_poll_start(&pooled->poll, UV_READABLE, on_readable);
    ARRAY_GROW(hands->list, hands->n, hands->alloc);
    hands->list[hands->n++] = pooled;
    return pooled;
}

struct pooled *hands_take(struct hands *hands,
                          void (*event)(void *data, const struct hand_event *event), void *data)
{
    struct pooled *pooled = NULL;
    for (size_t i = 0; i < hands->n && !pooled; i++) {
        if (!hands->list[i]->busy && !hands->list[i]->aside)
            pooled = hands->list[i];
    }
    if (!pooled)
        pooled = hand_new(hands);
    if (!pooled)
        return NULL;
    pooled->busy = true;
    pooled->steady = false;
    pooled->event = event;
    pooled->data = data;
    return pooled;
}

void hands_give(struct pooled *pooled, bool aside)
{
    pooled->busy = false;
    pooled->aside |= aside;
}

void hands_let_go(struct hands *hands)
{
    for (size_t i = hands->n; i-- > 0;) {
        if (hands->list[i]->aside)
            dispose(hands->list[i]);
    }
}

void hands_close_idle(struct hands *hands)
{
    for (size_t i = hands->n; i-- > 0;) {
        if (!hands->list[i]->busy && !hands->list[i]->aside)
            dispose(hands->list[i]);
    }
}

bool hands_busy(const struct hands *hands)
{
    for (size_t i = 0; i < hands->n; i++) {
        if (hands->list[i]->busy && !hands->list[i]->steady)
            return true;
    }
    return false;
}

bool hands_order_all(struct hands *hands, enum hand_order order)
{
    bool all = true;
    for (size_t i = 0; i < hands->n; i++) {
        struct pooled *pooled = hands->list[i];
        /* One that cannot be reached has died: its event says so. */
        if ((pooled->busy || pooled->aside) && !pooled->steady &&
            hand_order(&pooled->hand, pooled->id, order, 0) < 0 && errno == EAGAIN)
            all = false;
    }
    return all;
}

void hands_close(struct hands *hands)
{
    while (hands->n > 0)
        dispose(hands->list[hands->n - 1]);
}

void hands_free(struct hands *hands)
{
    free(hands->list);
    hands->list = NULL;
}
