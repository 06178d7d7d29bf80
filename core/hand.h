/* SPDX-License-Identifier: MIT
 *
 * Inside keeper and hands: what the two processes are, and the state of the command that a hand
 * runs. `struct hand` of keeper.h is the runner's end; the process is a `struct worker`.
 */
#ifndef CIPLUG_CORE_HAND_H
#define CIPLUG_CORE_HAND_H

#include "cgroup.h"
#include "control.h"
#include "priority.h"
#include "proctree.h"
#include "spawn.h"
#include "wire.h"

/* The keeper's process: never returns. `fd` is its end of the control socket, `flags` those of
 * keeper_start_with(). */
_Noreturn void keeper_main(int fd, unsigned flags, pid_t runner);

/* Name the process, make it a subreaper, put it ahead of what it starts, open a signalfd for
 * SIGCHLD (all signals are blocked already). The signalfd, or -1 with errno. */
int process_begin(const char *name, const struct priority *usual);
/* Empty the signalfd. */
void process_drain(int signal_fd);

enum job_state {
    JOB_IDLE,
    JOB_RUNNING,       /* timer: the deadline, where there is one */
    JOB_DEADLINE_HOLD, /* timer: go on without HAND_GO */
    JOB_GRACE,         /* soft signal sent; timer: SIGKILL */
    JOB_EXIT_HOLD,     /* first process failed by itself; timer: go on without HAND_GO */
    JOB_LOOK,          /* first process ended by itself, others are there; timer: look again */
    JOB_RELEASE,       /* guarded: the channel is closed; timer: SIGKILL to the client */
    JOB_KILLING,       /* timer: next round */
    JOB_KEPT,          /* HAND_DONE was sent, leftovers live on; no timer */
    JOB_STUCK          /* HAND_DONE with unkillable was sent; timer: next round */
};

struct job {
    enum job_state state;
    uint64_t timer;      /* when the state has something to do, CLOCK_MONOTONIC; 0: never */
    uint64_t limit;      /* end of JOB_LOOK or, for JOB_KILLING, of trying */
    uint64_t paused_at;  /* 0: not paused */
    uint64_t timeout_ns; /* guarded, until it begins */
    uint64_t hold_ns, grace_ns, confirm_ns;
    int soft_signal;
    int on_leak;
    bool guarded;
    pid_t leader; /* the command's first process, and its process group */
    bool exited;  /* the leader is a zombie, its status known */
    bool reaped;  /* and its number is not ours any more */
    bool in_cgroup;
    bool forced; /* somebody signalled it: not ended by itself */
    bool marked; /* the marker sweep was made */
    bool frozen;
    uint64_t busy_limit; /* of JOB_LOOK for those who have not had their chance */
    uint64_t kill_since; /* JOB_KILLING began */
    uint64_t leaf_again; /* when to order cgroup.kill again */
    unsigned round;      /* of killing by other means */
    char *marker;
    struct hand_event event; /* what is known so far; sent with different kinds */
};

struct worker {
    int sock;
    int signal_fd;
    bool gone; /* the runner is: kill and leave */
    bool more; /* children may have ended of whom no SIGCHLD will tell any more */
    struct spawn_slot *slot;
    const struct priority *usual; /* of commands */
    void *stack;
    char oom_score[24];
    struct proctree tree;
    struct cgroup_leaf leaf;
    struct pid_list pids;   /* scratch */
    struct control control; /* closed, but while a guarded command's client runs */
    struct job job;
};

/* The hand's process: never returns. `usual` is what commands get; `number` is its own among the
 * hands, for its leaf. */
_Noreturn void hand_main(int sock, struct spawn_slot *slot, const struct priority *usual,
                         const char *cgroup, unsigned number);

/* ladder.c: from exec to nothing left. The caller of these has the loop. */
void ladder_begin(struct worker *worker, const struct wire_start *start, pid_t leader);
void ladder_children(struct worker *worker); /* SIGCHLD has come */
void ladder_timer(struct worker *worker);    /* job.timer is reached */
void ladder_order(struct worker *worker, enum hand_order order, int signo);
void ladder_started(struct worker *worker, uint64_t at_ns); /* HAND_BEGIN */
void ladder_gone(struct worker *worker);                    /* end of file from the runner */

/* sweep.c: signals to the whole tree; while a guarded command's client runs, sweep_soft(),
 * sweep_pause() and sweep_resume() tell its guard instead. */
/* `signo` and SIGCONT to the process group and to every process that left it. */
void sweep_soft(struct worker *worker, int signo);
void sweep_pause(struct worker *worker);
void sweep_resume(struct worker *worker);
/* One round of SIGKILL: by the cgroup, and where that is not enough by group and by number. */
void sweep_kill(struct worker *worker);
/* Reap all children but the leader. How many children but the leader are left. */
size_t sweep_reap(struct worker *worker);
/* Whether any of them is on a processor, waits for one, or for a disk: it may be about to end. */
bool sweep_hurries(struct worker *worker);
/* Processes but the leader that run; `text` gets their description. `stuck`: those on their way
 * out and the leader count, too. */
unsigned sweep_count(struct worker *worker, char *text, size_t size, bool stuck);

#endif
