/* SPDX-License-Identifier: MIT */
#include "side.h"
#include "classify.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define LAST_LINE_MAX 200

struct side {
    struct attempt *attempt;
    struct side_hooks hooks;
    void *data;
    struct strbuf line; /* the last one that is not empty, or what there is of it */
    bool complete;      /* its newline was seen */
    struct mask_stream mask;
};

static void note_last_line(struct side *side, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            side->complete = true;
            continue;
        }
        if (side->complete) {
            strbuf_clear(&side->line);
            side->complete = false;
        }
        if (bytes[i] != '\r' && side->line.len < LAST_LINE_MAX)
            strbuf_addch(&side->line, bytes[i]);
    }
}

static void on_started(void *data, const struct attempt_end *so_far)
{
    (void)data;
    (void)so_far;
}

static void on_bytes(void *data, int stream, const void *bytes, size_t length)
{
    struct side *side = data;
    (void)stream;
    /* Masked before it is cut to a line: half a secret is not known as one any more. */
    AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
    mask_feed(&side->mask, bytes, length, &clear);
    note_last_line(side, strbuf_text(&clear), clear.len);
    if (side->hooks.bytes)
        side->hooks.bytes(side->data, bytes, length);
}

static void on_done(void *data, const struct attempt_end *end)
{
    struct side *side = data;
    AUTO_STRBUF struct strbuf what = STRBUF_INIT;
    int outcome = classify_end(end, &what);
    int status = -1;
    AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
    mask_end(&side->mask, &rest);
    note_last_line(side, strbuf_text(&rest), rest.len);
    if (end->unread)
        strbuf_addf(&what, "%sits output could not be read: %s", what.len ? ": " : "",
                    strerror(end->unread));
    else if (outcome == CIPLUG_PASSED || outcome == CIPLUG_FAILED)
        status = end->status;
    /* Its own word says more than a code. */
    if (side->line.len && outcome == CIPLUG_FAILED && !end->unread)
        strbuf_clear(&what);
    if (side->line.len)
        strbuf_addf(&what, "%s%s", what.len ? ": " : "", side->line.buf);
    side->hooks.done(side->data, status, strbuf_text(&what));
    strbuf_free(&side->line);
    free(side);
}

struct side *side_start(struct hands *hands, const struct argv *argv, uint64_t timeout_ns,
                        const struct mask *mask, const struct side_hooks *hooks, void *data)
{
    static const struct attempt_hooks attempt_hooks = {
        .started = on_started, .bytes = on_bytes, .done = on_done};
    struct side *side = xcalloc(1, sizeof *side);
    side->mask.mask = mask;
    side->hooks = *hooks;
    side->data = data;
    struct attempt_request request = {
        .argv = argv,
        .stdin_fd = -1,
        .merge = true,
        .timeout_ns = timeout_ns,
        .grace_ns = NS_PER_S,
        .confirm_ns = 5 * NS_PER_S,
        .on_leak = HAND_LEAK_KILL,
        .steady = hooks->steady,
    };
    side->attempt = attempt_start(hands, &request, &attempt_hooks, side);
    if (!side->attempt) {
        free(side);
        return NULL;
    }
    return side;
}

void side_kill(struct side *side)
{
    attempt_kill(side->attempt);
}
