/* SPDX-License-Identifier: MIT */
#include "hand.h"
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

void sweep_soft(struct worker *worker, int signo)
{
    sweep_resume(worker);
    if (signal_group(worker, signo)) {
        worker->job.event.via |= HAND_VIA_GROUP;
        signal_group(worker, SIGCONT);
    }
    if (signal_others(worker, signo)) {
        worker->job.event.via |= HAND_VIA_SUBREAPER;
        signal_others(worker, SIGCONT);
    }
}

void sweep_pause(struct worker *worker)
{
    struct job *job = &worker->job;
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
    if (job->frozen) {
        cgroup_leaf_freeze(&worker->leaf, false);
        job->frozen = false;
        return;
    }
    signal_group(worker, SIGCONT);
    signal_others(worker, SIGCONT);
}

/* Our own children cannot change their numbers, as nobody else reaps them. What they leave behind
 * becomes ours in the next round. */
static void kill_children(struct worker *worker)
{
    struct pid_list *pids = &worker->pids;
    pid_list_clear(pids);
    proctree_children(&worker->tree, pids);
    for (size_t i = 0; i < pids->n; i++) {
        if (pids->v[i] == worker->job.leader && worker->job.exited && !worker->job.reaped)
            continue;
        if (kill(pids->v[i], SIGKILL) == 0)
            worker->job.event.via |= HAND_VIA_SUBREAPER;
    }
}

void sweep_kill(struct worker *worker)
{
    struct job *job = &worker->job;
    if (job->in_cgroup && job->round % 8 == 0 && cgroup_leaf_populated(&worker->leaf) &&
        cgroup_leaf_kill(&worker->leaf))
        job->event.via |= HAND_VIA_CGROUP;
    if (job->round < 2 && signal_group(worker, SIGKILL))
        job->event.via |= HAND_VIA_GROUP;
    kill_children(worker);
    /* What stands behind a child that does not die. */
    if (job->round % 16 == 15 && signal_others(worker, SIGKILL))
        job->event.via |= HAND_VIA_SUBREAPER;
    job->round++;
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
        bool counts = stuck ? stat.state != 'Z' || stat.threads > 1
                            : process_alive(&stat) && pids->v[i] != worker->job.leader;
        if (!counts)
            continue;
        n++;
        process_describe(text, size, pids->v[i], stuck);
    }
    return n;
}
