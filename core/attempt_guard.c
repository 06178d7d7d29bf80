/* SPDX-License-Identifier: MIT */
#include "attempt_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int guarded_prelude(const struct attempt_guard *guard)
{
    int fd = memfd_create("ciplug-prelude", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, guard->prelude, guard->length) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

void guarded_open(struct attempt *attempt, uv_loop_t *loop, const struct attempt_request *request)
{
    const struct attempt_guard *guard = request->guard;
    attempt->end.guarded = true;
    marked_init(&attempt->marked, guard->nonce, request->merge, guard->mask);
    attempt->handles++;
    uv_timer_init(loop, &attempt->quiet);
    attempt->quiet.data = attempt;
}

void guarded_free(struct attempt *attempt)
{
    marked_free(&attempt->marked);
    strbuf_free(&attempt->streams[0].kept);
    strbuf_free(&attempt->streams[1].kept);
}

/* --- the begin --- */

static void tell(struct stream *stream, const struct strbuf *bytes)
{
    struct attempt *attempt = stream->attempt;
    if (bytes->len == 0)
        return;
    if (attempt->end.started) {
        attempt->hooks.bytes(attempt->data, stream->number, bytes->buf, bytes->len);
        return;
    }
    /* Few, since both marks are out before the command starts; but the loop may come to the
     * standard error first. */
    strbuf_add(&stream->kept, bytes->buf, bytes->len);
    stream->waiting = true;
    attempt_reading(stream);
}

static void begin(struct attempt *attempt)
{
    struct attempt_end *end = &attempt->end;
    end->begun = end->started = true;
    end->started_ns = attempt->begun_ns;
    attempt_order(attempt, HAND_BEGIN, 0);
    attempt->hooks.started(attempt->data, end);
    for (size_t i = 0; i < ARRAY_SIZE(attempt->streams); i++) {
        struct stream *stream = &attempt->streams[i];
        tell(stream, &stream->kept);
        strbuf_free(&stream->kept);
        stream->waiting = false;
        attempt_reading(stream);
    }
}

/* --- the end --- */

static bool any_held(const struct attempt *attempt)
{
    return attempt->streams[0].held || attempt->streams[1].held;
}

static void take_status(struct attempt *attempt)
{
    struct attempt_end *end = &attempt->end;
    struct trailer_status status = {0, 0};
    end->confirmed = marked_whole(&attempt->marked, &status);
    end->unconfirmed = !end->confirmed && !end->refused;
    end->guard_exit = status.exit_code;
    end->guard_left = status.left;
    marked_said(&attempt->marked, end->client_said, sizeof end->client_said);
}

/* Only now its streams can tell whether it failed. */
static void judge_held(struct attempt *attempt)
{
    struct attempt_end *end = &attempt->end;
    attempt->judges = false;
    uv_timer_stop(&attempt->quiet);
    take_status(attempt);
    if (end->confirmed && end->guard_exit == 0)
        attempt_order(attempt, HAND_GO, 0);
    else
        attempt->hooks.held(attempt->data, end);
}

static void on_quiet(uv_timer_t *timer)
{
    struct attempt *attempt = timer->data;
    if (any_held(attempt)) {
        uv_timer_start(timer, on_quiet, ATTEMPT_DRAIN_MS, 0);
    } else if (attempt->judges && !attempt->judges_now) {
        /* We may have stood still ourselves: timers come before pipes in the loop's round. */
        attempt->judges_now = true;
        uv_timer_start(timer, on_quiet, 1, 0);
    } else if (attempt->judges) {
        judge_held(attempt);
    } else if (attempt->state == RUNNING && attempt->whole_ns && !attempt->asked &&
               SAFEGUARD(trailers_end_clients)) {
        attempt->settled = attempt->hung = true;
        attempt_order(attempt, HAND_KILL, 0);
    }
}

static void watch_trailers(struct attempt *attempt)
{
    if (!marked_whole(&attempt->marked, NULL)) {
        attempt->whole_ns = 0;
        return;
    }
    if (!attempt->whole_ns)
        attempt->whole_ns = clock_mono_ns();
    if (attempt->state <= RUNNING)
        uv_timer_start(&attempt->quiet, on_quiet, ATTEMPT_DRAIN_MS, 0);
}

void guarded_launched(struct attempt *attempt)
{
    if (attempt->begun_ns)
        begin(attempt);
    watch_trailers(attempt);
}

void guarded_bytes(struct stream *stream, const void *bytes, size_t length)
{
    struct attempt *attempt = stream->attempt;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    marked_feed(&attempt->marked, stream->number, bytes, length, &out);
    if (!attempt->begun_ns && marked_begun(&attempt->marked)) {
        attempt->begun_ns = clock_mono_ns();
        if (attempt->state != STARTING)
            begin(attempt);
    }
    tell(stream, &out);
    watch_trailers(attempt);
}

bool guarded_had_ended(struct attempt *attempt, uint64_t at_ns)
{
    if (attempt->settled)
        return true;
    if (attempt->state != RUNNING || attempt->asked || !attempt->whole_ns ||
        attempt->whole_ns > at_ns) {
        attempt->asked = true;
        return false;
    }
    attempt->settled = true;
    attempt_order(attempt, HAND_KILL, 0);
    return true;
}

void guarded_held(struct attempt *attempt)
{
    attempt->judges = true;
    uv_timer_start(&attempt->quiet, on_quiet, ATTEMPT_DRAIN_MS, 0);
    guarded_stream_ended(attempt);
}

void guarded_stream_ended(struct attempt *attempt)
{
    if (attempt->judges && !attempt->streams[0].open && !attempt->streams[1].open)
        judge_held(attempt);
}

/* The hand saw only a client that it had to end. */
static void settle(struct attempt *attempt)
{
    struct attempt_end *end = &attempt->end;
    if (attempt->settled && end->confirmed) {
        end->ended = HAND_ENDED_ITSELF;
        end->ended_ns = attempt->whole_ns;
        end->via &= ~(uint32_t)HAND_VIA_GUARD;
    } else if (attempt->hung) {
        end->ended = HAND_ENDED_ITSELF; /* nobody asked for it */
    }
    /* We may have read its begin later than the hand saw its end. */
    if (end->started && end->ended_ns && end->ended_ns < end->started_ns)
        end->started_ns = end->ended_ns;
}

void guarded_finish(struct attempt *attempt)
{
    uv_close((uv_handle_t *)&attempt->quiet, attempt_closed);
    /* The hand died before it could say that it had started what we have seen begin. */
    if (attempt->begun_ns && !attempt->end.started)
        begin(attempt);
    take_status(attempt);
    for (size_t i = 0; i < ARRAY_SIZE(attempt->streams); i++) {
        struct stream *stream = &attempt->streams[i];
        AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
        if (stream->kept.len)
            marked_says(&attempt->marked, (int)i + 1, stream->kept.buf, stream->kept.len);
        marked_end(&attempt->marked, (int)i + 1, attempt->end.started ? &rest : NULL);
        tell(stream, &rest);
    }
    marked_said(&attempt->marked, attempt->end.client_said, sizeof attempt->end.client_said);
    settle(attempt);
}
