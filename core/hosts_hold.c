/* SPDX-License-Identifier: MIT
 *
 * What runs here as long as a host is used: the connections that its commands share.
 */
#include "attempt.h"
#include "classify.h"
#include "hosts_internal.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MS  30000 /* until one says that it is at work */
#define SAID_MAX 200

static void note_said(struct hold *hold, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n') {
            hold->complete = true;
        } else if (c >= ' ' && c != 0x7f) {
            if (hold->complete)
                strbuf_clear(&hold->said);
            hold->complete = false;
            if (hold->said.len < SAID_MAX)
                strbuf_addch(&hold->said, bytes[i]);
        }
    }
}

static void on_hold_started(void *data, const struct attempt_end *so_far)
{
    (void)data;
    (void)so_far;
}

static void on_hold_bytes(void *data, int stream, const void *bytes, size_t length)
{
    struct hold *hold = data;
    struct place *place = hold->place;
    if (stream != CIPLUG_STDOUT) {
        note_said(hold, bytes, length);
        return;
    }
    if (hold->at_work || !memchr(bytes, '\n', length) || place->state != PLACE_OPENING)
        return;
    hold->at_work = true;
    place->opened++;
    place_open_next(place);
}

static void on_hold_done(void *data, const struct attempt_end *end)
{
    struct hold *hold = data;
    struct place *place = hold->place;
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    (void)classify_end(end, &why);
    if (hold->said.len) {
        strbuf_clear(&why);
        strbuf_addstr(&why, hold->said.buf);
    }
    for (struct hold **at = &place->holds; *at; at = &(*at)->next) {
        if (*at == hold) {
            *at = hold->next;
            break;
        }
    }
    strbuf_free(&hold->said);
    free(hold);
    place_fall(place, why.len ? why.buf : "its connection has ended");
}

/* We may be late ourselves, or were stopped: one more look at what has come. */
static void on_not_opened(uv_timer_t *timer)
{
    struct place *place = timer->data;
    if (place->overdue) {
        place_fall(place, "no connection within 30 s");
        return;
    }
    place->overdue = true;
    uv_timer_start(timer, on_not_opened, 1, 0);
}

void place_hold(struct place *place, const struct argv *argv)
{
    static const struct attempt_hooks hooks = {
        .started = on_hold_started, .bytes = on_hold_bytes, .done = on_hold_done};
    const struct attempt_request request = {.argv = argv,
                                            .stdin_fd = -1,
                                            .grace_ns = NS_PER_S,
                                            .confirm_ns = 5 * NS_PER_S,
                                            .on_leak = HAND_LEAK_KILL,
                                            .steady = true};
    struct hold *hold = xcalloc(1, sizeof *hold);
    hold->place = place;
    hold->attempt = attempt_start(place->hosts->hands, &request, &hooks, hold);
    if (!hold->attempt) {
        int error = errno;
        free(hold);
        place_fall(place, strerror(error));
        return;
    }
    hold->next = place->holds;
    place->holds = hold;
    place->overdue = false;
    uv_timer_start(&place->timer, on_not_opened, OPEN_MS, 0);
}
