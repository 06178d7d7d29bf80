/* SPDX-License-Identifier: MIT */
#include "hand.h"
#include "marker.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LOOK_NS         (20 * NS_PER_MS)
#define RELEASE_NS      (2 * NS_PER_S)
#define LOOK_BUSY_NS    (980 * NS_PER_MS)
#define CONFIRM_NS      (5 * NS_PER_S)
#define MARKER_PATIENCE 500
#define COLLECT_MAX     64

static void finish(struct worker *worker);
static void sweep_marker(struct worker *worker);

static pid_t reap(pid_t pid, int flags)
{
    pid_t got;
    do
        got = waitpid(pid, NULL, flags | __WALL);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Without reaping it. 0 with si_pid 0: nobody has ended. */
static int look_for_ended(idtype_t type, id_t id, siginfo_t *info)
{
    int result;
    do {
        *info = (siginfo_t){0};
        result = waitid(type, id, info, WEXITED | WNOHANG | WNOWAIT | __WALL);
    } while (result < 0 && errno == EINTR);
    return result;
}

static void send_event(struct worker *worker, enum hand_event_kind kind)
{
    struct hand_event *event = &worker->job.event;
    event->kind = kind;
    event->at_ns = clock_mono_ns();
    /* A runner that has gone shows as end of file, too. */
    if (!worker->gone)
        wire_send_event(worker->sock, event);
}

static void set_state(struct job *job, enum job_state state, uint64_t delay_ns)
{
    uint64_t now = clock_mono_ns();
    job->state = state;
    job->timer = now + delay_ns;
    if (job->paused_at > 0) /* its leader was killed by somebody else: the rest stays paused */
        job->paused_at = now;
}

static void set_deadline(struct job *job, uint64_t from_ns)
{
    if (job->timeout_ns > 0 && job->timeout_ns < UINT64_MAX - from_ns)
        job->timer = from_ns + job->timeout_ns;
}

void ladder_begin(struct worker *worker, const struct wire_start *start, pid_t leader)
{
    struct job *job = &worker->job;
    char *marker = job->marker;
    *job = (struct job){
        .state = JOB_RUNNING,
        .timeout_ns = start->timeout_ns,
        .hold_ns = start->hold_ns,
        .grace_ns = start->grace_ns,
        .confirm_ns = start->confirm_ns ? start->confirm_ns : CONFIRM_NS,
        .soft_signal = start->soft_signal,
        .on_leak = start->on_leak,
        .guarded = start->guarded,
        .leader = leader,
        .in_cgroup = worker->slot->in_cgroup,
        .marker = marker,
        .event = {.id = start->id, .pid = leader},
    };
    send_event(worker, HAND_STARTED);
    if (!job->guarded || !SAFEGUARD(limit_from_begin))
        set_deadline(job, job->event.at_ns);
}

/* Its marks have begun: not what the client did before, as pulling an image, is the command's time.
 */
void ladder_started(struct worker *worker, uint64_t at_ns)
{
    struct job *job = &worker->job;
    uint64_t now = clock_mono_ns();
    if (job->state != JOB_RUNNING || !job->guarded || job->timer > 0)
        return;
    if (job->paused_at > 0 && at_ns > job->paused_at)
        at_ns = job->paused_at; /* resuming adds what comes after */
    set_deadline(job, at_ns < now ? at_ns : now);
}

/* Reap what has ended. Whether no child but the leader is left, and nobody else in the leaf: who
 * entered a container is not our child any more, but still there. */
static bool none_left(struct worker *worker)
{
    return sweep_reap(worker) == 0 && !(worker->job.in_cgroup && SAFEGUARD(leaf_is_looked_at) &&
                                        cgroup_leaf_populated(&worker->leaf));
}

/* Kill until nothing is left. */
static void kill_round(struct worker *worker)
{
    struct job *job = &worker->job;
    sweep_kill(worker);
    if (none_left(worker) && job->exited) {
        finish(worker);
        return;
    }
    if (clock_mono_ns() > job->kill_since + NS_PER_S)
        sweep_marker(worker); /* the last means, where the others do not reach */
    uint64_t now = clock_mono_ns();
    if (job->state == JOB_KILLING && now >= job->limit && SAFEGUARD(killing_has_an_end)) {
        job->event.text[0] = '\0';
        job->event.unkillable = sweep_count(worker, job->event.text, HAND_TEXT_MAX, true);
        if (job->event.unkillable == 0) /* it went this moment, or cannot be seen */
            job->event.unkillable = 1;
        job->state = JOB_STUCK;
        send_event(worker, HAND_DONE);
    }
    /* SIGCHLD wakes us as well; a grandchild that becomes ours does not. */
    uint64_t pause = job->round < 100 ? NS_PER_MS : 20 * NS_PER_MS;
    job->timer = now + (job->state == JOB_STUCK ? NS_PER_S / 4 : pause);
}

static void begin_kill(struct worker *worker)
{
    struct job *job = &worker->job;
    sweep_resume(worker);
    job->round = 0;
    job->leaf_again = 0;
    job->kill_since = clock_mono_ns();
    job->limit = job->kill_since + job->confirm_ns;
    set_state(job, JOB_KILLING, 0);
    kill_round(worker);
}

/* The guard kills, and its client gets the time to see it end: dead before, it would take what the
 * guard says with it. */
static void begin_release(struct worker *worker)
{
    worker->job.paused_at = 0;
    control_kill(&worker->control);
    set_state(&worker->job, JOB_RELEASE, RELEASE_NS);
}

/* The leader was told to end, or the runner has gone. */
static void force_kill(struct worker *worker)
{
    struct job *job = &worker->job;
    job->forced = true;
    if (job->guarded && !job->exited && SAFEGUARD(guard_before_client)) {
        if (job->state != JOB_RELEASE && job->state != JOB_KILLING)
            begin_release(worker);
    } else {
        begin_kill(worker);
    }
}

/* Containers' processes and the like, which are nobody's children here. */
static void sweep_marker(struct worker *worker)
{
    struct job *job = &worker->job;
    struct process_stat leader;
    if (!job->forced || !job->marker || job->marked || !SAFEGUARD(kill_by_marker))
        return;
    job->marked = true;
    uint64_t start = !job->reaped && process_stat(job->leader, &leader) == 0 ? leader.start : 0;
    if (marker_kill(job->marker, start, MARKER_PATIENCE) > 0)
        job->event.via |= HAND_VIA_MARKER;
}

static void end_job(struct worker *worker)
{
    struct job *job = &worker->job;
    bool told = job->state == JOB_STUCK || job->state == JOB_KEPT;
    sweep_resume(worker);
    control_close(&worker->control);
    /* A hand with something unkillable is not used again, even if it went in the end. */
    job->state = JOB_IDLE;
    job->timer = 0;
    free(job->marker);
    job->marker = NULL;
    if (!told)
        send_event(worker, HAND_DONE);
}

/* Only the leader's zombie seems to be left: reap it, and be sure. */
static void finish(struct worker *worker)
{
    struct job *job = &worker->job;
    sweep_marker(worker);
    if (!job->reaped && reap(job->leader, 0) == job->leader)
        job->reaped = true;
    pid_t pid;
    do {
        pid = reap(-1, WNOHANG);
    } while (pid > 0);
    if (pid < 0 || !SAFEGUARD(nothing_is_left)) {
        end_job(worker);
        return;
    }
    if (job->state == JOB_KILLING || job->state == JOB_STUCK)
        job->timer = clock_mono_ns() + NS_PER_MS;
    else
        begin_kill(worker); /* it came between the look and the reaping */
}

/* HAND_LEAK_KEEP: what is left lives until the runner closes. */
static void keep(struct worker *worker)
{
    struct job *job = &worker->job;
    if (reap(job->leader, 0) == job->leader)
        job->reaped = true;
    send_event(worker, HAND_DONE);
    job->state = JOB_KEPT;
    job->timer = 0;
}

/* Signalled softly. The leader may be only the shell in front of what is worth the grace, so its
 * end cuts nothing short: the rest has what is left of the time. */
static void go_on_with_grace(struct worker *worker)
{
    if (worker->job.exited && (none_left(worker) || !SAFEGUARD(grace_of_the_tree)))
        finish(worker);
}

/* The leader ended by itself. Who still runs then was left behind, but for those who are just
 * leaving, too: they get a moment. On a busy machine that may pass before they get a processor. */
static void look(struct worker *worker)
{
    struct job *job = &worker->job;
    if (none_left(worker) || !SAFEGUARD(sweep_after_exit)) {
        finish(worker);
        return;
    }
    uint64_t now = clock_mono_ns();
    if (job->state != JOB_LOOK) {
        job->busy_limit = now + LOOK_BUSY_NS;
        job->limit = now + LOOK_NS;
        set_state(job, JOB_LOOK, NS_PER_MS);
        return;
    }
    if (now < job->busy_limit && sweep_hurries(worker))
        job->limit = now + LOOK_NS;
    if (now < job->limit) {
        job->timer = now + 2 * NS_PER_MS;
        return;
    }
    if (SAFEGUARD(leaks_are_named))
        job->event.leaked = sweep_count(worker, job->event.text, HAND_TEXT_MAX, false);
    if (job->event.leaked > 0 && job->on_leak == HAND_LEAK_KEEP && !worker->gone)
        keep(worker);
    else
        begin_kill(worker);
}

/* The client ended in time, so its guard did what it was told. What else runs here is nobody's
 * guard. */
static void end_release(struct worker *worker)
{
    worker->job.event.via |= HAND_VIA_GUARD;
    if (none_left(worker))
        finish(worker);
    else
        begin_kill(worker);
}

static void leader_exited(struct worker *worker, const siginfo_t *info)
{
    struct job *job = &worker->job;
    worker->more = false; /* from here on all are reaped at each look */
    job->exited = true;
    job->event.code = info->si_code;
    job->event.status = info->si_status;
    if (!SAFEGUARD(leader_is_reaped_last))
        waitpid(job->leader, NULL, __WALL);
    control_close(&worker->control);
    send_event(worker, HAND_EXITED);
    if (job->state == JOB_RUNNING) {
        /* A client's exit code says nothing: the runner knows what its guard said. */
        bool failed = info->si_code != CLD_EXITED || info->si_status != 0 || job->guarded;
        if (failed && job->hold_ns > 0)
            set_state(job, JOB_EXIT_HOLD, job->hold_ns);
        else
            look(worker);
    } else if (job->state == JOB_GRACE) {
        go_on_with_grace(worker);
    } else if (job->state == JOB_RELEASE) {
        end_release(worker);
    }
}

/* Reap orphans, and look whether the leader has ended, without reaping it. Some at a time: they may
 * come faster than they go, and deadlines and orders do not wait for that to end. */
static void collect(struct worker *worker)
{
    struct job *job = &worker->job;
    worker->more = false;
    for (unsigned n = 0; !job->exited; n++) {
        siginfo_t info;
        if (n == COLLECT_MAX) {
            worker->more = true;
            return;
        }
        if (look_for_ended(P_ALL, 0, &info) < 0 || info.si_pid == 0)
            return;
        if (info.si_pid == job->leader)
            leader_exited(worker, &info);
        else if (SAFEGUARD(orphans_are_reaped))
            reap(info.si_pid, WNOHANG);
        else
            return;
    }
}

void ladder_children(struct worker *worker)
{
    struct job *job = &worker->job;
    if (job->state == JOB_IDLE)
        return;
    if (!job->exited) {
        collect(worker);
        /* In mid-kill, our own look below shows what is left. */
        if (job->state != JOB_KILLING && job->state != JOB_STUCK)
            return;
    }
    if (job->state == JOB_LOOK)
        look(worker);
    else if (job->state == JOB_KILLING || job->state == JOB_STUCK)
        kill_round(worker);
    else if (job->state == JOB_GRACE)
        go_on_with_grace(worker);
    else if (job->state != JOB_IDLE)
        sweep_reap(worker);
}

/* Whether the leader ended before anybody signalled it; then its end is handled here. */
static bool ended_itself(struct worker *worker)
{
    struct job *job = &worker->job;
    siginfo_t info;
    if (job->exited)
        return true;
    if (look_for_ended(P_PID, (id_t)job->leader, &info) < 0 || info.si_pid == 0)
        return false;
    leader_exited(worker, &info);
    return true;
}

static void go_soft(struct worker *worker, int signo)
{
    struct job *job = &worker->job;
    job->forced = true;
    if (job->grace_ns == 0) {
        force_kill(worker);
        return;
    }
    sweep_soft(worker, signo > 0 ? signo : job->soft_signal > 0 ? job->soft_signal : SIGTERM);
    set_state(job, JOB_GRACE, job->grace_ns);
    go_on_with_grace(worker); /* it may have ended in the hold before */
}

static void deadline(struct worker *worker)
{
    struct job *job = &worker->job;
    if (SAFEGUARD(ends_before_deadlines) && ended_itself(worker))
        return;
    if (SAFEGUARD(verdict_before_the_signal))
        job->event.ended = HAND_ENDED_TIMEOUT;
    send_event(worker, HAND_DEADLINE);
    if (job->hold_ns > 0)
        set_state(job, JOB_DEADLINE_HOLD, job->hold_ns);
    else
        go_soft(worker, 0);
}

void ladder_timer(struct worker *worker)
{
    switch (worker->job.state) {
    case JOB_RUNNING:
        deadline(worker);
        break;
    case JOB_DEADLINE_HOLD:
        go_soft(worker, 0);
        break;
    case JOB_GRACE:
        force_kill(worker);
        break;
    case JOB_RELEASE:
        begin_kill(worker);
        break;
    case JOB_EXIT_HOLD:
    case JOB_LOOK:
        look(worker);
        break;
    case JOB_KILLING:
    case JOB_STUCK:
        kill_round(worker);
        break;
    case JOB_IDLE:
    case JOB_KEPT:
        worker->job.timer = 0;
        break;
    }
}

static void order_stop(struct worker *worker, bool hard, int signo)
{
    struct job *job = &worker->job;
    if (job->state == JOB_EXIT_HOLD) {
        look(worker);
        return;
    }
    if (job->state == JOB_RUNNING) {
        if (ended_itself(worker))
            return;
        job->event.ended = HAND_ENDED_STOP;
    }
    if (hard &&
        (job->state == JOB_RUNNING || job->state == JOB_DEADLINE_HOLD || job->state == JOB_GRACE))
        force_kill(worker);
    else if (job->state == JOB_RUNNING || job->state == JOB_DEADLINE_HOLD)
        go_soft(worker, signo);
}

/* Deadlines stand still while the tree does. */
static void pause_job(struct worker *worker, bool stop)
{
    struct job *job = &worker->job;
    uint64_t now = clock_mono_ns();
    bool dying = job->state == JOB_RELEASE || job->state == JOB_KILLING || job->state == JOB_STUCK;
    if (stop && !dying && job->paused_at == 0) {
        job->paused_at = now;
        sweep_pause(worker);
    } else if (!stop && job->paused_at > 0) {
        uint64_t paused = SAFEGUARD(deadlines_stand_still) ? now - job->paused_at : 0;
        if (job->timer > 0)
            job->timer += paused;
        job->limit += paused;
        sweep_resume(worker);
    }
}

void ladder_order(struct worker *worker, enum hand_order order, int signo)
{
    enum job_state state = worker->job.state;
    switch (order) {
    case HAND_STOP:
    case HAND_KILL:
        order_stop(worker, order == HAND_KILL, signo);
        break;
    case HAND_GO:
        if (state == JOB_DEADLINE_HOLD)
            go_soft(worker, 0);
        else if (state == JOB_EXIT_HOLD)
            look(worker);
        break;
    case HAND_PAUSE:
        pause_job(worker, true);
        break;
    case HAND_RESUME:
        pause_job(worker, false);
        break;
    case HAND_BEGIN: /* ladder_started() */
        break;
    }
}

void ladder_gone(struct worker *worker)
{
    worker->gone = true;
    if (worker->job.state != JOB_IDLE && worker->job.state != JOB_STUCK &&
        SAFEGUARD(end_of_file_kills))
        force_kill(worker);
}
