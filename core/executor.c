/* SPDX-License-Identifier: MIT */
#include "executor.h"
#include "classify.h"
#include "proctree.h"
#include "safeguard.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A command holds two logs, two pipes and a hand; starting one needs as many again for a moment. */
#define DESCRIPTORS_EACH  5
#define DESCRIPTORS_SPARE 11
#define SPAWN_TRIES       6 /* 50 ms, doubled each time up to 1.6 s */
#define SPAWN_TRIES_MORE  4 /* of 1.6 s, while others run */
#define CONFIRM_NS        (5 * NS_PER_S)

void execution_notice(struct execution *execution, const char *format, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    execution->executor->hooks.notice(execution->executor->data, execution, strbuf_text(&text));
}

/* --- the end --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct execution *execution = handle->data;
    if (--execution->handles > 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(execution->logs); i++)
        free(execution->logs[i].path);
    launch_free(&execution->launch);
    strbuf_free(&execution->reason);
    far_free(&execution->far);
    results_forget(execution);
    free(execution->marker);
    free(execution);
}

/* What the hand says of processes holds their arguments, raw and cut: now one line of them that
 * hides what is to be hidden. */
static void hide_in_text(const struct mask *mask, char text[HAND_TEXT_MAX])
{
    AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
    mask_cut_text(mask, text, PROCESS_CUT, &clear);
    for (size_t i = 0; i < clear.len; i++) {
        unsigned char c = (unsigned char)clear.buf[i];
        if (c < ' ' || c == 0x7f)
            clear.buf[i] = c == '\n' || c == '\t' ? ' ' : '?';
    }
    snprintf(text, HAND_TEXT_MAX, "%s", strbuf_text(&clear));
}

static void judge(struct execution *execution)
{
    struct ciplug_result *result = &execution->result;
    struct attempt_end *end = &execution->end;
    hide_in_text(execution->executor->launcher.mask, end->text);
    if (execution->start_timed_out) {
        char limit[24];
        format_duration(limit, sizeof limit, execution->task->step->start_timeout_ns);
        result->outcome = CIPLUG_TIMEOUT;
        strbuf_addf(&execution->reason, "did not start within %s", limit);
    } else if (execution->attempt_done) {
        classify(execution->task->step, end, result, &execution->reason);
        if (end->refused && end->where == HAND_WHERE_CWD)
            strbuf_addf(&execution->reason, ": %s", execution->launch.argv.cwd);
        if (end->refused && end->where == HAND_WHERE_PROGRAM)
            strbuf_addf(&execution->reason, ": %s", execution->launch.argv.words.v[0]);
    } else if (execution->stopped) {
        result->outcome = CIPLUG_CANCELLED;
    }
    far_judge(execution);
    if (end->unread) {
        /* It wrote to nobody, so what came of it says nothing. */
        result->outcome = CIPLUG_ERROR;
        result->flags |= CIPLUG_FLAG_TRUNCATED;
        strbuf_addf(&execution->reason, "%sits output could not be read: %s",
                    execution->reason.len ? "; " : "", strerror(end->unread));
    }
    if (execution->log_error && SAFEGUARD(truncated_logs)) {
        result->flags |= CIPLUG_FLAG_TRUNCATED;
        strbuf_addf(&execution->reason, "%sits log is not whole: %s",
                    execution->reason.len ? "; " : "", strerror(execution->log_error));
    }
    results_judge(execution);
    if (end->started) {
        const struct runclock *clock = execution->executor->clock;
        uint64_t from = runclock_at(clock, end->started_ns), to = runclock_at(clock, end->ended_ns);
        result->duration_ns = to > from ? to - from : 0;
    }
}

static void finish(struct execution *execution)
{
    judge(execution);
    execution->result.reason = strbuf_text(&execution->reason);
    execution->result.bytes_out = execution->logs[0].bytes;
    execution->result.bytes_err = execution->logs[1].bytes;
    execution->task->execution = NULL;
    execution->executor->active -= execution->counted;
    execution->executor->hooks.finished(execution->executor->data, execution);
    uv_close((uv_handle_t *)&execution->timer, on_handle_closed);
    uv_close((uv_handle_t *)&execution->ready_timer, on_handle_closed);
    uv_close((uv_handle_t *)&execution->far.probe, on_handle_closed);
}

/* It could not be started at all. */
static void give_up(struct execution *execution, const char *reason)
{
    execution->result.outcome = CIPLUG_ERROR;
    strbuf_addstr(&execution->reason, reason);
    execution_advance(execution);
}

/* One step nearer to the end, whenever something of it has come to its own. */
void execution_advance(struct execution *execution)
{
    if (execution->attempt || execution->on_failure || execution->ready || execution->artifacts ||
        execution->collecting.side || far_busy(execution))
        return;
    uv_timer_stop(&execution->timer);
    uv_timer_stop(&execution->ready_timer);
    if (!far_settled(execution))
        return;
    if (!execution->logs_ended) {
        execution->logs_ended = true;
        execution_end_logs(execution);
    }
    if (execution->logs[0].open || execution->logs[1].open)
        return;
    bool there = execution->end.started && !far_host_lost(execution);
    if (there && !execution->collecting.collected && !results_collected(execution))
        return;
    if (there && !execution->artifacts_done && !beside_artifacts(execution))
        return;
    finish(execution);
}

/* --- the attempt --- */

static void on_slow(uv_timer_t *timer)
{
    struct execution *execution = timer->data;
    char took[24];
    if (!execution->attempt || execution->task->ready)
        return;
    const struct runclock *clock = execution->executor->clock;
    uint64_t ran = runclock_now(clock) - runclock_at(clock, execution->end.started_ns);
    uint64_t slow = execution->task->step->slow_ns;
    /* A pause does not make it slow; the timer has gone on all the same. */
    if (ran + NS_PER_MS < slow) {
        uv_timer_start(timer, on_slow, (slow - ran) / NS_PER_MS + 1, slow / NS_PER_MS);
        return;
    }
    format_duration(took, sizeof took, ran);
    execution_notice(execution, "has been running for %s", took);
}

static void on_start_timeout(uv_timer_t *timer)
{
    struct execution *execution = timer->data;
    bool waited_for = !execution->end.started || execution->task->step->ready.text;
    if (!execution->attempt || !waited_for || execution->task->ready)
        return;
    /* Not yet: the run was paused. Or only just: we may be late ourselves, with the news of the
     * start still to be read. */
    uint64_t now = runclock_now(execution->executor->clock), due = execution->start_due_ns;
    if (now < due || (!execution->start_overdue && SAFEGUARD(late_news_count))) {
        execution->start_overdue = now >= due;
        uv_timer_start(timer, on_start_timeout, now < due ? (due - now) / NS_PER_MS + 1 : 1, 0);
        return;
    }
    execution->start_timed_out = true;
    attempt_kill(execution->attempt);
}

static void on_started(void *data, const struct attempt_end *so_far)
{
    struct execution *execution = data;
    struct executor *executor = execution->executor;
    execution->end = *so_far;
    execution->result.started_ns =
        runclock_wall(executor->clock) - (clock_mono_ns() - so_far->started_ns);
    uint64_t slow_ms = execution->task->step->slow_ns / NS_PER_MS;
    /* A service has started when it is ready. */
    bool service = execution->task->step->ready.text && execution->task->step->start_timeout_ns &&
                   SAFEGUARD(a_service_starts_when_ready);
    if (!service)
        uv_timer_stop(&execution->timer);
    if (slow_ms && !service)
        uv_timer_start(&execution->timer, on_slow, slow_ms, slow_ms);
    executor->hooks.started(executor->data, execution);
    beside_watch_ready(execution);
}

static void on_bytes(void *data, int stream, const void *bytes, size_t length)
{
    ((struct execution *)data)->far.heard = true;
    execution_log(data, stream, bytes, length);
}

static void on_held(void *data, const struct attempt_end *so_far)
{
    struct execution *execution = data;
    execution->end = *so_far;
    beside_held(execution);
}

static void on_try_again(uv_timer_t *timer)
{
    execution_begin(timer->data);
}

/* No descriptors, processes or memory now: another command may end and give some back. */
static bool try_later(struct execution *execution, int error)
{
    /* EPIPE: its hand has died before it was asked. */
    bool passing = error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM ||
                   error == ENOBUFS || error == EPIPE;
    if (!passing || execution->stopped || !SAFEGUARD(wait_for_descriptors))
        return false;
    hands_close_idle(execution->executor->hands);
    unsigned tries = error == EMFILE && execution->executor->active <= 1 ? 2 : SPAWN_TRIES;
    /* While another one runs there is something to wait for. Not for ever: it may be a service that
     * runs until we have. */
    if (hands_busy(execution->executor->hands))
        tries += SPAWN_TRIES_MORE;
    if (execution->spawn_tries >= tries && SAFEGUARD(bounded_spawn_tries))
        return false;
    unsigned doubled = ++execution->spawn_tries;
    doubled = doubled < SPAWN_TRIES ? doubled : SPAWN_TRIES;
    uv_timer_start(&execution->timer, on_try_again, UINT64_C(25) << doubled, 0);
    return true;
}

static int make_launch(struct execution *execution, char **error)
{
    const struct task *task = execution->task;
    const struct launch_place place = {.step = task->step,
                                       .units = task->units,
                                       .n_units = task->n_units,
                                       .number = task->number,
                                       .attempt = task->attempt,
                                       .slot = task->slot,
                                       .marker = execution->marker,
                                       .unguarded = execution->unguarded};
    return launch_make(&execution->launch, &execution->executor->launcher, &place, error);
}

/* There was no shell at its place, as the engine's runtime or its init says it, so nothing of the
 * command has run: once more, without a guard. Anything else that ends so (an entrypoint's own 127)
 * is an error. */
static bool go_unguarded(struct execution *execution, const struct attempt_end *end)
{
    bool no_shell = end->guarded && !end->begun && end->ended == HAND_ENDED_ITSELF &&
                    end->code == CLD_EXITED && (end->status == 126 || end->status == 127) &&
                    (strstr(end->client_said, "executable file not found") ||
                     strstr(end->client_said, "] exec sh failed: No such file") ||
                     strstr(end->client_said, "no such file or directory"));
    if (!no_shell || !execution->launch.may_do_without || execution->stopped)
        return false;
    AUTO_FREE char *error = NULL;
    execution->unguarded = true;
    launch_free(&execution->launch);
    if (make_launch(execution, &error) < 0)
        give_up(execution, error);
    else
        execution_begin(execution);
    return true;
}

static void on_done(void *data, const struct attempt_end *end)
{
    struct execution *execution = data;
    execution->attempt = NULL;
    far_quiet(execution);
    if (end->refused && end->where == HAND_WHERE_FORK && try_later(execution, end->error))
        return;
    if (go_unguarded(execution, end))
        return;
    execution->end = *end;
    execution->attempt_done = true;
    if (execution->on_failure)
        side_kill(execution->on_failure);
    if (execution->ready)
        side_kill(execution->ready);
    execution_advance(execution);
}

static int open_stdin(struct execution *execution, int *fd)
{
    *fd = -1;
    if (!execution->task->step->stdin_file.text)
        return 0;
    AUTO_STRBUF struct strbuf name = STRBUF_INIT;
    const char *error;
    if (launch_expand(&execution->launch, &name, execution->task->step->stdin_file.text,
                      EXPAND_TEXT, &error) < 0) {
        errno = EINVAL;
        return -1;
    }
    AUTO_FREE char *path = launch_path(execution->executor->launcher.plan, strbuf_text(&name));
    /* A FIFO that nobody writes to would block the loop in open(2); the command may wait, we may
     * not. */
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0)
        return -1;
    return fcntl(*fd, F_SETFL, O_RDONLY);
}

static void spawn(struct execution *execution)
{
    static const struct attempt_hooks hooks = {
        .started = on_started, .bytes = on_bytes, .held = on_held, .done = on_done};
    const struct step *step = execution->task->step;
    bool rushed = execution->executor->rushed && SAFEGUARD(hurried_cleanup);
    AUTO_CLOSE int stdin_fd = -1;
    if (open_stdin(execution, &stdin_fd) < 0) {
        AUTO_FREE char *why = xasprintf("its stdin cannot be opened: %s", strerror(errno));
        give_up(execution, why);
        return;
    }
    struct launch *launch = &execution->launch;
    const struct attempt_guard guard = {.nonce = launch->nonce,
                                        .prelude = strbuf_text(&launch->prelude),
                                        .length = launch->prelude.len,
                                        .mask = execution->executor->launcher.mask};
    struct attempt_request request = {
        .argv = &launch->argv,
        .stdin_fd = stdin_fd,
        .merge = step->stderr_merge,
        .timeout_ns = rushed && !(step->timeout_ns && step->timeout_ns < RUSHED_NS)
                          ? RUSHED_NS
                          : step->timeout_ns,
        .hold_ns = step->on_failure.text ? ON_FAILURE_NS + NS_PER_S : 0,
        .grace_ns = rushed ? 0 : step->grace_ns,
        .confirm_ns = CONFIRM_NS,
        .on_leak = step->on_leak == ON_LEAK_KEEP ? HAND_LEAK_KEEP : HAND_LEAK_KILL,
        .marker = execution->marker,
        .guard = launch->guarded ? &guard : NULL,
    };
    if (step->start_timeout_ns) {
        execution->start_due_ns = runclock_now(execution->executor->clock) + step->start_timeout_ns;
        uv_timer_start(&execution->timer, on_start_timeout, step->start_timeout_ns / NS_PER_MS, 0);
    }
    format_rfc3339(launch->started, sizeof launch->started,
                   runclock_wall(execution->executor->clock));
    launch->command.started = launch->started;
    far_watch(execution);
    results_since(execution);
    execution->attempt = attempt_start(execution->executor->hands, &request, &hooks, execution);
    if (!execution->attempt && !try_later(execution, errno)) {
        AUTO_FREE char *why = xasprintf("could not be started: %s", strerror(errno));
        give_up(execution, why);
    }
}

/* Wait without holding anything until another command has given its descriptors back: half opened
 * ones would block each other. */
static bool admitted(struct execution *execution)
{
    struct executor *executor = execution->executor;
    if (!execution->counted && executor->active >= executor->most &&
        SAFEGUARD(wait_for_descriptors)) {
        uv_timer_start(&execution->timer, on_try_again, 20, 0);
        return false;
    }
    executor->active += !execution->counted;
    execution->counted = true;
    return true;
}

/* What it may create outside is in the journal before it can be there. */
static bool declare(struct execution *execution)
{
    const struct executor *executor = execution->executor;
    if (execution->launch.intents.n == 0 ||
        executor->hooks.intents(executor->data, &execution->launch) == 0)
        return true;
    AUTO_FREE char *why =
        xasprintf("what it would create cannot be written down: %s", strerror(errno));
    give_up(execution, why);
    return false;
}

void execution_begin(struct execution *execution)
{
    if (!admitted(execution) || !declare(execution) || !results_looked(execution))
        return;
    if (execution_open_logs(execution) == 0) {
        spawn(execution);
        return;
    }
    int error = errno;
    if (try_later(execution, error))
        return;
    AUTO_FREE char *why = xasprintf("its log cannot be opened: %s", strerror(error));
    if (error == ENOSPC || error == EDQUOT || error == EROFS)
        execution->executor->hooks.disk_failed(execution->executor->data, error);
    give_up(execution, why);
}

static void init_timer(struct execution *execution, uv_timer_t *timer)
{
    uv_timer_init(execution->executor->loop, timer);
    timer->data = execution;
    execution->handles++;
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n ? n - 2 : 0;
}

void executor_limit(struct executor *executor)
{
    struct rlimit limit;
    executor->most = SIZE_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    size_t used = open_descriptors() + DESCRIPTORS_SPARE;
    size_t left = limit.rlim_cur > used ? (size_t)limit.rlim_cur - used : 0;
    executor->most = 1 + left / DESCRIPTORS_EACH;
}

void executor_start(struct executor *executor, struct task *task)
{
    struct execution *execution = xcalloc(1, sizeof *execution);
    execution->executor = executor;
    execution->task = task;
    execution->result = (struct ciplug_result){.size = sizeof execution->result, .exit_code = -1};
    init_timer(execution, &execution->timer);
    init_timer(execution, &execution->ready_timer);
    init_timer(execution, &execution->far.probe);
    task->execution = execution;
    execution->marker = xasprintf("%s%s.%u.%u", executor->hands->marker, task->step->name,
                                  (unsigned)task->number, (unsigned)task->attempt);
    AUTO_FREE char *error = NULL;
    if (make_launch(execution, &error) < 0) {
        give_up(execution, error);
        return;
    }
    execution_begin(execution);
}

void executor_stop(struct execution *execution, int signo)
{
    execution->stopped = true;
    if (execution->attempt) {
        attempt_stop(execution->attempt, signo);
    } else if (execution->collecting.side && !execution->collecting.looked) {
        results_kill(execution);
    } else if (uv_is_active((uv_handle_t *)&execution->timer)) {
        uv_timer_stop(&execution->timer);
        execution_advance(execution);
    }
}

void executor_kill(struct execution *execution)
{
    execution->stopped = true;
    if (execution->on_failure)
        side_kill(execution->on_failure);
    if (execution->artifacts)
        side_kill(execution->artifacts);
    results_kill(execution);
    far_kill(execution);
    if (execution->attempt)
        attempt_kill(execution->attempt);
}
