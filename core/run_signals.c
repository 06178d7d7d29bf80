/* SPDX-License-Identifier: MIT */
#include "run_internal.h"
#include "safeguard.h"
#include "surroundings.h"
#include "util.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int watched[RUN_SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1};

static void kill_one(void *data, struct task *task)
{
    (void)data;
    if (task->execution)
        executor_kill(task->execution);
}

static void rush_one(void *data, struct task *task)
{
    (void)data;
    struct execution *execution = task->execution;
    if (execution)
        execution->rushed = true;
}

static void kill_rushed(void *data, struct task *task)
{
    struct execution *execution = task->execution;
    if (execution && execution->rushed)
        kill_one(data, task);
}

/* What was running at the second signal has had its 5 s; what came later has its own limit. */
static void on_rush(uv_timer_t *timer)
{
    struct run *run = timer->data;
    uint64_t now = run_now(run);
    if (now < run->rush_ns) { /* the run was paused */
        uv_timer_start(timer, on_rush, (run->rush_ns - now) / NS_PER_MS + 1, 0);
        return;
    }
    if (SAFEGUARD(cleanup_has_five_seconds))
        schedule_each_running(run->current, kill_rushed, NULL);
    run_kill_asked(run, true);
    run_sweep_kill(run);
}

/* Of each signal that asks for the end: soft stop; at once; now. */
static void on_end_signal(struct run *run, int signo)
{
    run->n_signals++;
    if (!run->signo)
        run->signo = signo;
    if (run->phase == PHASE_END || run->n_signals >= 3) {
        run->stop_waiting = true;
        if (run->n_signals < 3 || !SAFEGUARD(third_signal_leaves))
            return;
        run_emit_notice(run, "left at once, after a third signal");
        /* The hands see end of file and kill what they have. */
        _exit(128 + run->signo);
    }
    if (run->n_signals == 1) {
        AUTO_FREE char *reason = xasprintf("ended by SIG%s", sigabbrev_np(signo));
        run_emit_notice(run,
                        "SIG%s: stopping, then the cleanup steps; a second signal kills at once",
                        sigabbrev_np(signo));
        if (run->phase == PHASE_STEPS && SAFEGUARD(first_signal_cancels))
            run_cancel(run, reason);
        return;
    }
    run_emit_notice(run, "SIG%s: killing at once; a third signal leaves without cleanup",
                    sigabbrev_np(signo));
    run->executor.rushed = true;
    run_rush_asked(run);
    run_sweep_rush(run);
    if (run->phase != PHASE_STEPS)
        schedule_each_running(run->current, rush_one, NULL);
    else if (SAFEGUARD(second_signal_kills))
        schedule_each_running(run->current, kill_one, NULL);
    run->rush_ns = run_now(run) + RUSHED_NS;
    uv_timer_start(&run->rush, on_rush, RUSHED_NS / NS_PER_MS, 0);
}

/* SIGTSTP and SIGCONT are blocked: of the two only the later one can be pending, the kernel takes
 * the other away. So a SIGCONT that overtakes us on our way to the stop is not lost. */
static bool is_pending(int signo)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, signo) == 1;
}

static void mask_signal(int how, int signo)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    sigprocmask(how, &set, NULL);
}

/* Until SIGCONT. Unblocked, SIGTSTP stops us where it is still pending, as the shell expects; in an
 * orphaned process group, which the kernel does not stop, we wait. */
static void stand_still(const struct run *run)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{run->cont_fd, POLLIN, 0}, {run->stop_fd, POLLIN, 0}};
    if (!SAFEGUARD(continue_takes_the_stop_away))
        (void)kill(getpid(), SIGSTOP);
    do {
        mask_signal(SIG_UNBLOCK, SIGTSTP);
        mask_signal(SIG_BLOCK, SIGTSTP);
        (void)poll(fds, ARRAY_SIZE(fds), -1);
    } while (read(run->cont_fd, &info, sizeof info) < 0);
}

/* Everything stands still until somebody sends SIGCONT: the trees, their deadlines, our own clock.
 */
static void on_stop_signal(uv_poll_t *poll, int status, int events)
{
    struct run *run = poll->data;
    (void)status;
    (void)events;
    if (!is_pending(SIGTSTP))
        return;
    if (SAFEGUARD(trees_are_paused))
        (void)hands_order_all(&run->hands, HAND_PAUSE);
    uint64_t since = clock_mono_ns();
    stand_still(run);
    runclock_pause(&run->clock, since, clock_mono_ns());
    run->resume_due = !hands_order_all(&run->hands, HAND_RESUME);
    uv_update_time(&run->loop);
    screen_forget_status(run->screen);
    run_pump(run);
}

static int signal_descriptor(int signo)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void close_stop_signal(struct run *run)
{
    auto_close(&run->stop_fd);
    auto_close(&run->cont_fd);
    run->stop_fd = run->cont_fd = -1;
}

static void watch_stop_signal(struct run *run)
{
    run->stop_fd = signal_descriptor(SIGTSTP);
    run->cont_fd = signal_descriptor(SIGCONT);
    if (run->stop_fd < 0 || run->cont_fd < 0 ||
        uv_poll_init(&run->loop, &run->stop_watch, run->stop_fd) < 0) {
        close_stop_signal(run); /* then SIGTSTP stops the runner alone, as it would any program */
        return;
    }
    mask_signal(SIG_BLOCK, SIGTSTP);
    mask_signal(SIG_BLOCK, SIGCONT);
    run->stop_watch.data = run;
    uv_poll_start(&run->stop_watch, UV_READABLE, on_stop_signal);
    uv_unref((uv_handle_t *)&run->stop_watch);
}

static void unwatch_stop_signal(struct run *run)
{
    if (run->stop_fd < 0)
        return;
    uv_close((uv_handle_t *)&run->stop_watch, NULL);
    close_stop_signal(run);
    mask_signal(SIG_UNBLOCK, SIGCONT);
    mask_signal(SIG_UNBLOCK, SIGTSTP);
}

static void dump(struct run *run)
{
    AUTO_STRBUF struct strbuf asked = STRBUF_INIT;
    run_describe_asked(run, &asked);
    console_dump(run->console, &asked);
}

static void on_signal(uv_signal_t *handle, int signo)
{
    struct run *run = handle->data;
    if (signo == SIGUSR1)
        dump(run);
    else
        on_end_signal(run, signo);
    run_pump(run);
}

void run_watch_signals(struct run *run)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    /* As main has set them: a plugin may have thought otherwise. */
    if (SAFEGUARD(ignore_sigpipe))
        sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
    sigaction(SIGCHLD, &standard, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
        uv_signal_init(&run->loop, &run->signals[i]);
        run->signals[i].data = run;
        if (watched[i] == SIGHUP && run->options->hangup_ignored)
            continue;
        uv_signal_start(&run->signals[i], on_signal, watched[i]);
        uv_unref((uv_handle_t *)&run->signals[i]);
    }
    watch_stop_signal(run);
    surroundings_keep_signals();
    uv_timer_init(&run->loop, &run->rush);
    run->rush.data = run;
}

static volatile bool interrupted;

static void on_plain_signal(int signo)
{
    (void)signo;
    interrupted = true;
}

const volatile bool *run_signals_while_waiting(struct run *run)
{
    struct sigaction action = {.sa_handler = on_plain_signal};
    unwatch_stop_signal(run);
    mask_signal(SIG_BLOCK, SIGUSR1); /* nobody answers it any more, and nobody dies of it */
    for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
        uv_signal_stop(&run->signals[i]);
        if (watched[i] == SIGINT || watched[i] == SIGTERM || watched[i] == SIGQUIT ||
            (watched[i] == SIGHUP && !run->options->hangup_ignored))
            (void)sigaction(watched[i], &action, NULL);
    }
    surroundings_keep_signals();
    interrupted = run->stop_waiting;
    return &interrupted;
}

void run_unwatch_signals(struct run *run)
{
    surroundings_forget_signals();
    for (size_t i = 0; i < ARRAY_SIZE(watched); i++)
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    uv_close((uv_handle_t *)&run->rush, NULL);
}
