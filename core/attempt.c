/* SPDX-License-Identifier: MIT */
#include "attempt_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ORDER_AGAIN_MS 20

static char read_buffer[65536]; /* one loop thread, and bytes are handed on at once */

void attempt_closed(uv_handle_t *handle)
{
    struct attempt *attempt = handle->data;
    if (--attempt->handles > 0)
        return;
    attempt->hooks.done(attempt->data, &attempt->end);
    if (attempt->end.guarded)
        guarded_free(attempt);
    free(attempt);
}

static void close_stream(struct stream *stream)
{
    if (!stream->open)
        return;
    stream->open = false;
    uv_close((uv_handle_t *)&stream->pipe, attempt_closed);
}

/* The hand has ended and both pipes are at their end, or will never be. */
static void finish(struct attempt *attempt)
{
    if (attempt->state == DONE)
        return;
    attempt->state = DONE;
    if (attempt->end.guarded)
        guarded_finish(attempt);
    close_stream(&attempt->streams[0]);
    close_stream(&attempt->streams[1]);
    uv_close((uv_handle_t *)&attempt->drain, attempt_closed);
}

static void finish_if_drained(struct attempt *attempt)
{
    if (attempt->state == DRAINING && !attempt->streams[0].open && !attempt->streams[1].open)
        finish(attempt);
}

static void on_drain_over(uv_timer_t *timer)
{
    struct attempt *attempt = timer->data;
    if (attempt->streams[0].held || attempt->streams[1].held || !SAFEGUARD(drain_limit))
        uv_timer_start(timer, on_drain_over, ATTEMPT_DRAIN_MS, 0);
    else if (attempt->looked)
        finish(attempt);
    else
        uv_timer_start(timer, on_drain_over, 1, 0);
    /* We may have stood still ourselves: timers come before pipes in the loop's round. */
    attempt->looked = true;
}

static void drain(struct attempt *attempt)
{
    if (attempt->state == DONE)
        return;
    attempt->state = DRAINING;
    attempt->judges = false;
    if (!SAFEGUARD(drain)) {
        finish(attempt);
        return;
    }
    uv_timer_start(&attempt->drain, on_drain_over, ATTEMPT_DRAIN_MS, 0);
    finish_if_drained(attempt);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct attempt *attempt = handle->data;
    struct stream *stream = (struct stream *)handle;
    if (n > 0 && attempt->end.guarded) {
        guarded_bytes(stream, buf->base, (size_t)n);
    } else if (n > 0) {
        attempt->hooks.bytes(attempt->data, stream->number, buf->base, (size_t)n);
    } else if (n < 0) {
        if (n != UV_EOF)
            attempt->end.unread = (int)-n;
        close_stream(stream);
        if (attempt->end.guarded)
            guarded_stream_ended(attempt);
        finish_if_drained(attempt);
    }
}

static void take_ending(struct attempt *attempt, const struct hand_event *event)
{
    struct attempt_end *end = &attempt->end;
    end->code = event->code;
    end->status = event->status;
    end->ended = event->ended;
    end->leaked = event->leaked;
    end->unkillable = event->unkillable;
    end->via = event->via;
    memcpy(end->text, event->text, sizeof end->text);
}

static void on_done(struct attempt *attempt, const struct hand_event *event)
{
    take_ending(attempt, event);
    bool aside = event->unkillable > 0 || (event->leaked > 0 && attempt->keep);
    hands_give(attempt->pooled, aside);
    attempt->pooled = NULL;
    drain(attempt);
}

static void on_refused(struct attempt *attempt, const struct hand_event *event)
{
    bool no_hand = event->id == 0; /* there was no process for it: it never had the request */
    attempt->end.refused = true;
    attempt->end.where = event->where;
    attempt->end.error = event->error;
    memcpy(attempt->end.text, event->text, sizeof attempt->end.text);
    hands_give(attempt->pooled, no_hand);
    attempt->pooled = NULL;
    drain(attempt);
}

static void on_exited(struct attempt *attempt, const struct hand_event *event)
{
    struct attempt_end *end = &attempt->end;
    attempt->state = ENDED;
    end->ended_ns = event->at_ns;
    end->code = event->code;
    end->status = event->status;
    end->ended = event->ended;
    bool failed = event->code != CLD_EXITED || event->status != 0;
    if (event->ended != HAND_ENDED_ITSELF || !attempt->holds)
        return;
    if (end->guarded)
        guarded_held(attempt);
    else if (failed)
        attempt->hooks.held(attempt->data, end);
}

static void on_started(struct attempt *attempt, const struct hand_event *event)
{
    attempt->state = RUNNING;
    attempt->end.pid = event->pid;
    if (attempt->end.guarded) {
        guarded_launched(attempt);
        return;
    }
    attempt->end.started = true;
    attempt->end.started_ns = event->at_ns;
    attempt->hooks.started(attempt->data, &attempt->end);
}

static void on_hand(void *data, const struct hand_event *event)
{
    struct attempt *attempt = data;
    if (!event) {
        attempt->end.lost = true;
        attempt->end.ended_ns = clock_mono_ns();
        attempt->pooled = NULL;
        drain(attempt);
        return;
    }
    if (event->id != attempt->id && !(event->id == 0 && event->kind == HAND_REFUSED))
        return;
    switch (event->kind) {
    case HAND_STARTED:
        on_started(attempt, event);
        break;
    case HAND_REFUSED:
        on_refused(attempt, event);
        break;
    case HAND_DEADLINE:
        if (attempt->end.guarded && guarded_had_ended(attempt, event->at_ns))
            break;
        attempt->end.ended = HAND_ENDED_TIMEOUT;
        if (attempt->holds)
            attempt->hooks.held(attempt->data, &attempt->end);
        break;
    case HAND_EXITED:
        on_exited(attempt, event);
        break;
    case HAND_DONE:
        on_done(attempt, event);
        break;
    }
}

void attempt_reading(struct stream *stream)
{
    if (!stream->open)
        return;
    if (stream->held || stream->waiting)
        uv_read_stop((uv_stream_t *)&stream->pipe);
    else
        (void)!uv_read_start((uv_stream_t *)&stream->pipe, give_buffer, on_read);
}

static void open_stream(struct attempt *attempt, uv_loop_t *loop, int index, int fd)
{
    struct stream *stream = &attempt->streams[index];
    stream->attempt = attempt;
    stream->number = index + 1;
    stream->open = true;
    attempt->handles++;
    uv_pipe_init(loop, &stream->pipe, 0);
    stream->pipe.data = attempt;
    int error = uv_pipe_open(&stream->pipe, fd);
    if (error)
        close(fd);
    else
        error = uv_read_start((uv_stream_t *)&stream->pipe, give_buffer, on_read);
    if (!error)
        return;
    attempt->end.unread = -error;
    close_stream(stream);
}

static int make_pipe(int fds[2])
{
    if (!SAFEGUARD(pipes_not_sockets))
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
    return pipe2(fds, SAFEGUARD(blocking_pipes) ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK);
}

/* For 0 of the command; -1 with errno. */
static int open_input(const struct attempt_request *request)
{
    if (request->guard)
        return guarded_prelude(request->guard);
    if (request->stdin_fd >= 0)
        return request->stdin_fd;
    return SAFEGUARD(empty_stdin) ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                                  : fcntl(0, F_DUPFD_CLOEXEC, 3);
}

/* A guarded command's standard error comes to the standard output at its place, and the client has
 * one of its own. */
static bool is_one_pipe(const struct attempt_request *request)
{
    return request->merge && !request->guard;
}

static void close_ends(const struct attempt_request *request, int fds[3])
{
    if (fds[0] != request->stdin_fd)
        auto_close(&fds[0]);
    if (fds[2] != fds[1])
        auto_close(&fds[2]);
    auto_close(&fds[1]);
}

static int make_pipes(const struct attempt_request *request, int read_ends[2], int fds[3])
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    fds[0] = open_input(request);
    int rc = fds[0] < 0 || make_pipe(out) < 0 || (!is_one_pipe(request) && make_pipe(err) < 0);
    int saved = errno;
    read_ends[0] = out[0];
    read_ends[1] = err[0];
    fds[1] = out[1];
    fds[2] = is_one_pipe(request) ? out[1] : err[1];
    if (rc == 0)
        return 0;
    close_ends(request, fds);
    auto_close(&read_ends[0]);
    errno = saved;
    return -1;
}

static int ask_hand(struct attempt *attempt, struct hands *hands,
                    const struct attempt_request *request, const int fds[3])
{
    static uint64_t last_id;
    attempt->id = ++last_id;
    attempt->pooled = hands_take(hands, on_hand, attempt);
    if (!attempt->pooled)
        return -1;
    attempt->pooled->id = attempt->id;
    attempt->pooled->steady = request->steady;
    /* Of a number of its own, because the sweep after one command looks for just this text. */
    AUTO_FREE char *beside = request->marker || !hands->marker
                                 ? NULL
                                 : xasprintf("%sbeside.%" PRIu64, hands->marker, attempt->id);
    struct hand_request ask = {
        .id = attempt->id,
        .argv = request->argv,
        .fds = {fds[0], fds[1], fds[2]},
        .guarded = request->guard != NULL,
        .timeout_ns = SAFEGUARD(hands_keep_deadlines) ? request->timeout_ns : 0,
        .hold_ns = attempt->holds ? request->hold_ns : 0,
        .grace_ns = request->grace_ns,
        .confirm_ns = request->confirm_ns,
        .soft_signal = SIGTERM,
        .on_leak = request->on_leak,
        .marker = request->marker ? request->marker : beside,
    };
    if (hand_start(&attempt->pooled->hand, &ask) == 0)
        return 0;
    int saved = errno;
    hands_give(attempt->pooled, saved == EPIPE);
    errno = saved;
    return -1;
}

struct attempt *attempt_start(struct hands *hands, const struct attempt_request *request,
                              const struct attempt_hooks *hooks, void *data)
{
    int fds[3], read_ends[2];
    if (make_pipes(request, read_ends, fds) < 0)
        return NULL;
    struct attempt *attempt = xcalloc(1, sizeof *attempt);
    attempt->hooks = *hooks;
    attempt->data = data;
    attempt->keep = request->on_leak == HAND_LEAK_KEEP;
    attempt->holds = request->hold_ns > 0 && hooks->held;
    int result = ask_hand(attempt, hands, request, fds);
    int saved = errno;
    close_ends(request, fds);
    if (result < 0) {
        auto_close(&read_ends[0]);
        auto_close(&read_ends[1]);
        free(attempt);
        errno = saved;
        return NULL;
    }
    if (request->guard)
        guarded_open(attempt, hands->loop, request);
    open_stream(attempt, hands->loop, 0, read_ends[0]);
    if (!is_one_pipe(request))
        open_stream(attempt, hands->loop, 1, read_ends[1]);
    attempt->handles++;
    uv_timer_init(hands->loop, &attempt->drain);
    attempt->drain.data = attempt;
    return attempt;
}

static void on_order_again(uv_timer_t *timer)
{
    struct attempt *attempt = timer->data;
    attempt_order(attempt, attempt->unsent, attempt->unsent_signo);
}

void attempt_order(struct attempt *attempt, enum hand_order what, int signo)
{
    if (!attempt->pooled)
        return;
    int result = what == HAND_BEGIN
                     ? hand_begin(&attempt->pooled->hand, attempt->id, attempt->begun_ns)
                     : hand_order(&attempt->pooled->hand, attempt->id, what, signo);
    /* A hand that has died says so by end of file; anything else passes. */
    if (result == 0 || errno == EPIPE || !SAFEGUARD(orders_arrive))
        return;
    bool waits = uv_is_active((uv_handle_t *)&attempt->drain);
    /* What ends the command needs no time limit. */
    if (!waits || (attempt->unsent != HAND_KILL && what != HAND_BEGIN)) {
        attempt->unsent = what;
        attempt->unsent_signo = signo;
    }
    uv_timer_start(&attempt->drain, on_order_again, ORDER_AGAIN_MS, 0);
}

/* A guarded command that has said how it ended is only a client that hangs. */
static bool had_ended(struct attempt *attempt)
{
    return attempt->end.guarded && guarded_had_ended(attempt, clock_mono_ns());
}

void attempt_stop(struct attempt *attempt, int signo)
{
    if (!had_ended(attempt))
        attempt_order(attempt, HAND_STOP, signo);
}

void attempt_kill(struct attempt *attempt)
{
    if (!had_ended(attempt))
        attempt_order(attempt, HAND_KILL, 0);
}

void attempt_go(struct attempt *attempt)
{
    attempt_order(attempt, HAND_GO, 0);
}

void attempt_hold_reading(struct attempt *attempt, int stream, bool hold)
{
    struct stream *s = &attempt->streams[stream - 1];
    if (!s->open || s->held == hold)
        return;
    s->held = hold;
    attempt_reading(s);
}
