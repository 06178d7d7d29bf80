/* SPDX-License-Identifier: MIT */
#include "hand.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* All of the tree that /proc and the cgroup know, in worker->pids. */
static struct pid_list *everyone(struct worker *worker)
{
    struct pid_list *pids = &worker->pids;
    pid_list_clear(pids);
    proctree_descendants(&worker->tree, pids);
    if (worker->job.in_cgroup)
        cgroup_leaf_list(&worker->leaf, pids);
    pid_list_sort(pids);
    return pids;
}

/* The number of the group is the leader's, and pinned until we reap it. */
static bool signal_group(struct worker *worker, int signo)
{
    return !worker->job.reaped && kill(-worker->job.leader, signo) == 0;
}

/* Those who left the group by setsid or setpgid: in it, everybody got the signal already, and
 * a second one would run traps twice. */
static bool signal_others(struct worker *worker, int signo)
{
    struct pid_list *pids = everyone(worker);
    bool any = false;
    for (size_t i = 0; i < pids->n; i++) {
        struct process_stat stat;
        if (!worker->job.reaped && process_stat(pids->v[i], &stat) == 0 &&
            stat.group == worker->job.leader)
            continue;
        if (proctree_signal(&worker->tree, pids->v[i], signo))
            any = true;
    }
    return any;
}

/* What the hand has here is only the client, which has to carry the channel. */
static bool is_elsewhere(const struct worker *worker)
{
    return worker->job.guarded && !worker->job.exited;
}

void sweep_soft(struct worker *worker, int signo)
{
    if (is_elsewhere(worker)) {
        worker->job.paused_at = 0;
        control_soft(&worker->control, signo);
        return;
    }
    sweep_resume(worker);
    /* What is stopped hears nothing before it goes on. */
    if (signal_group(worker, signo) && SAFEGUARD(cont_after_term))
        signal_group(worker, SIGCONT);
    if (signal_others(worker, signo) && SAFEGUARD(cont_after_term))
        signal_others(worker, SIGCONT);
}

void sweep_pause(struct worker *worker)
{
    struct job *job = &worker->job;
    if (is_elsewhere(worker)) {
        control_pause(&worker->control, true);
        return;
    }
    job->frozen = job->in_cgroup && cgroup_leaf_freeze(&worker->leaf, true);
    if (job->frozen)
        return;
    signal_group(worker, SIGSTOP);
    /* Twice: the first pass may miss what is being forked. */
    signal_others(worker, SIGSTOP);
    signal_others(worker, SIGSTOP);
}

void sweep_resume(struct worker *worker)
{
    struct job *job = &worker->job;
    if (job->paused_at == 0)
        return;
    job->paused_at = 0;
    control_pause(&worker->control, false);
    if (is_elsewhere(worker))
        return;
    if (job->frozen) {
        cgroup_leaf_freeze(&worker->leaf, false);
        job->frozen = false;
        return;
    }
    signal_group(worker, SIGCONT);
    signal_others(worker, SIGCONT);
}

/* The leader's zombie keeps its number, and is no work for anybody. */
static bool is_pinned(const struct job *job, pid_t pid)
{
    return pid == job->leader && job->exited && !job->reaped;
}

/* Whether one of the children just listed lives that is in the command's process group, or that is
 * not: whose work is it? */
static bool child_lives(const struct worker *worker, bool in_group)
{
    const struct job *job = &worker->job;
    const struct pid_list *pids = &worker->pids;
    for (size_t i = 0; i < pids->n; i++) {
        struct process_stat stat;
        if (is_pinned(job, pids->v[i]) || process_stat(pids->v[i], &stat) < 0)
            continue;
        bool member = stat.group == job->leader && !job->reaped && SAFEGUARD(kill_by_group);
        if (member == in_group && process_alive(&stat) && !process_doomed(pids->v[i]))
            return true;
    }
    return false;
}

/* Note `via` once it is seen to find something alive. */
static void note(struct worker *worker, unsigned via, bool in_group)
{
    struct job *job = &worker->job;
    if (!(job->event.via & via) && child_lives(worker, in_group))
        job->event.via |= via;
}

/* While the leaf empties, its members are dying and nobody else is needed. Not for ever: somebody
 * may have left it, or cannot die. */
static bool kill_leaf(struct worker *worker)
{
    struct job *job = &worker->job;
    if (!job->in_cgroup || !SAFEGUARD(kill_by_cgroup) || !cgroup_leaf_populated(&worker->leaf))
        return false;
    uint64_t now = clock_mono_ns();
    if (now >= job->leaf_again) {
        job->leaf_again = now + 5 * NS_PER_MS;
        if (!cgroup_leaf_kill(&worker->leaf))
            return false;
        job->event.via |= HAND_VIA_CGROUP;
    }
    return now < job->kill_since + 20 * NS_PER_MS;
}

/* At one stroke, also against a storm of forks. */
static void kill_group(struct worker *worker)
{
    if (worker->job.round % 8 > 1 || !SAFEGUARD(kill_by_group))
        return;
    note(worker, HAND_VIA_GROUP, true);
    signal_group(worker, SIGKILL);
}

/* Our own children cannot change their numbers, as nobody else reaps them. What they leave behind
 * becomes ours in the next round. */
static void kill_children(struct worker *worker)
{
    struct pid_list *pids = &worker->pids;
    if (!SAFEGUARD(kill_by_subreaper))
        return;
    note(worker, HAND_VIA_SUBREAPER, false);
    for (size_t i = 0; i < pids->n; i++) {
        if (!is_pinned(&worker->job, pids->v[i]))
            kill(pids->v[i], SIGKILL);
    }
    /* What stands behind a child that does not die. */
    if (worker->job.round % 16 == 15)
        signal_others(worker, SIGKILL);
}

void sweep_kill(struct worker *worker)
{
    if (kill_leaf(worker))
        return;
    sweep_reap(worker); /* zombies are nobody's work */
    pid_list_clear(&worker->pids);
    proctree_children(&worker->tree, &worker->pids);
    kill_group(worker);
    kill_children(worker);
    worker->job.round++;
}

size_t sweep_reap(struct worker *worker)
{
    struct pid_list *pids = &worker->pids;
    size_t left = 0;
    pid_list_clear(pids);
    proctree_children(&worker->tree, pids);
    for (size_t i = 0; i < pids->n; i++) {
        if (pids->v[i] == worker->job.leader && !worker->job.reaped)
            continue;
        if (waitpid(pids->v[i], NULL, WNOHANG | __WALL) == 0)
            left++;
    }
    return left;
}

unsigned sweep_count(struct worker *worker, char *text, size_t size, bool stuck)
{
    struct pid_list *pids = everyone(worker);
    unsigned n = 0;
    for (size_t i = 0; i < pids->n; i++) {
        struct process_stat stat;
        if (process_stat(pids->v[i], &stat) < 0)
            continue;
        /* A zombie of ours that cannot be reaped belongs to a debugger. */
        bool held = stat.parent == worker->tree.self && !is_pinned(&worker->job, pids->v[i]);
        bool counts = stuck ? stat.state != 'Z' || stat.threads > 1 || held
                            : process_alive(&stat) && pids->v[i] != worker->job.leader;
        if (!counts)
            continue;
        n++;
        process_describe(text, size, pids->v[i], stuck);
    }
    return n;
}

bool sweep_hurries(struct worker *worker)
{
    struct pid_list *pids = everyone(worker);
    for (size_t i = 0; i < pids->n; i++) {
        struct process_stat stat;
        if (process_stat(pids->v[i], &stat) == 0 && process_alive(&stat) &&
            (stat.state == 'R' || stat.state == 'D'))
            return true;
    }
    return false;
}
