/* SPDX-License-Identifier: MIT
 *
 * The pool of hands on the runner's loop: idle ones are used again, new ones come from the keeper,
 * and one that still holds something (on_leak = keep, something unkillable) is put aside.
 */
#ifndef CIPLUG_CORE_HANDS_H
#define CIPLUG_CORE_HANDS_H

#include "keeper.h"

#include <stdbool.h>
#include <uv.h>

struct pooled {
    struct hand hand;
    uv_poll_t poll;
    struct hands *pool;
    bool aside; /* never used again; goes with hands_let_go() */
    bool busy;
    bool steady; /* a pause is not for it: what others need runs in it */
    uint64_t id; /* of the request that it works on; set by whoever took it */
    /* Whose events come here while it is busy. */
    void (*event)(void *data, const struct hand_event *event); /* NULL event: the hand has died */
    void *data;
};

struct hands {
    uv_loop_t *loop;
    struct keeper *keeper;
    const char *marker; /* borrowed: what markers of this run begin with; NULL: none */
    struct pooled **list;
    size_t n;
    size_t alloc;
};

void hands_init(struct hands *hands, uv_loop_t *loop, struct keeper *keeper);
/* An idle hand, made busy; NULL with errno when none can be had. */
struct pooled *hands_take(struct hands *hands,
                          void (*event)(void *data, const struct hand_event *event), void *data);
/* Its command is done. `aside`: it still holds something. */
void hands_give(struct pooled *pooled, bool aside);
/* Close the idle ones, to give their descriptors and processes back. */
void hands_close_idle(struct hands *hands);
/* Whether any works on a command. */
bool hands_busy(const struct hands *hands);
/* Close those that were put aside: what they hold is killed. */
void hands_let_go(struct hands *hands);
/* PAUSE or RESUME to all that hold anything. False: one of them has no room for it now. */
bool hands_order_all(struct hands *hands, enum hand_order order);
/* Close all. The loop must run until the handles are closed; then hands_free. */
void hands_close(struct hands *hands);
void hands_free(struct hands *hands);

#endif
