/* SPDX-License-Identifier: MIT
 *
 * Who runs next, and where: needs, queue, slots, locks, weights, batches, retries, services,
 * fail-fast. No libuv, no processes, no clock of its own: the run asks for actions and tells what
 * came of them, and so does a test with a fake executor.
 *
 * One schedule runs the steps, a second one the cleanup steps (one after another, whatever the one
 * before said). Every unit of every step leaves through exactly one final COMMAND_FINISHED: by
 * schedule_finished() or by ACTION_DROP.
 */
#ifndef CIPLUG_CORE_SCHEDULE_H
#define CIPLUG_CORE_SCHEDULE_H

#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

enum task_state { TASK_PENDING, TASK_RUNNING, TASK_STOPPING, TASK_ENDED };

/* Why a running command is to be stopped. */
enum stop_why {
    STOP_NONE,
    STOP_NOT_NEEDED, /* a service whose last user has ended: it passes */
    STOP_FAIL_FAST,
    STOP_SERVICE_DIED, /* something it needs is gone */
    STOP_CANCEL,       /* signal or run_timeout */
    STOP_SERVICE_PART  /* another command of the same service has ended */
};

/* One command with its attempts. Owned by the schedule; stays until schedule_free(). */
struct task {
    struct step *step;
    uint32_t number;
    uint32_t attempt; /* of the running or last one; 0: never started */
    size_t *units;    /* indexes into step->units */
    size_t n_units;
    uint32_t slot;   /* where it runs, 1..; 0: nowhere */
    uint32_t *slots; /* all that it takes (weight) */
    size_t n_slots;
    struct strv locks; /* held while it runs */
    uint32_t pinned;   /* `per`: this slot only */
    uint32_t avoid;    /* a retry prefers another one, best on another host */
    uint32_t requeues; /* so often it was lost with its host, which counts as no retry */
    uint64_t not_before_ns;
    enum task_state state;
    enum stop_why why;
    bool ready;         /* of a service */
    bool carried;       /* --resume: passed in an earlier run */
    struct batch *from; /* retried by item: the batch it was in */
    uint32_t batch;     /* its verdict came from that command's results; 0: from its own */
    void *execution;    /* the executor's, while it runs */
    int failed_as;      /* a retry waits: what the attempt before came to; 0: none */
    int outcome;        /* final one; set by the run, like the next */
    char *log_out;      /* path of the final attempt's standard output; NULL: none */
};

enum action_kind {
    ACTION_OPEN,  /* evaluate `if`, find the items, then call schedule_opened() */
    ACTION_BEGIN, /* the step begins: `units` planned */
    ACTION_START, /* start task on task->slot; end it with schedule_finished() */
    ACTION_STOP,  /* stop the running task, for task->why */
    ACTION_DROP,  /* task never starts: outcome, reason */
    ACTION_CLOSE  /* the step has ended: outcome, reason */
};

struct action {
    enum action_kind kind;
    struct step *step;
    struct task *task;
    uint64_t units;
    int outcome;
    const char *reason; /* static, or the schedule's */
};

enum failure_mode { FAILURE_FINISH_STEPS, FAILURE_CANCEL_ALL, FAILURE_KEEP_GOING };

struct schedule_hooks {
    void *data;
    /* Names of the mutexes that the task takes on that slot. NULL: none ever. */
    void (*locks)(void *data, const struct task *task, uint32_t slot, struct strv *names);
    /* A number in 0..999, for the jitter of retry delays. NULL: 500. */
    unsigned (*jitter)(void *data);
};

struct schedule; /* schedule.c */

/* `plan` is borrowed and its steps' units may change in schedule_opened() only. */
struct schedule *schedule_new(struct plan *plan, bool cleanup, enum failure_mode mode,
                              const struct schedule_hooks *hooks);
void schedule_free(struct schedule *schedule);

/* The next thing to do, if there is one now. `now_ns`: the run's clock (stands still while paused).
 */
bool schedule_next(struct schedule *schedule, uint64_t now_ns, struct action *action);
/* When to ask again although nothing has happened (a retry's delay); 0: no need. */
uint64_t schedule_wake(const struct schedule *schedule);
bool schedule_done(const struct schedule *schedule);

enum opened {
    OPENED_RUN,  /* step->units and step->commands are what is to be run */
    OPENED_SKIP, /* `if` said no, or a cleanup step is not due: satisfies needs */
    OPENED_ERROR /* could not be evaluated */
};
/* The answer to ACTION_OPEN. `reason` is copied; NULL for OPENED_RUN. */
void schedule_opened(struct schedule *schedule, struct step *step, enum opened opened,
                     const char *reason);
/* Before schedule_opened(OPENED_RUN): this unit (index) passed in an earlier run and is dropped as
 * skipped with the reason (copied). */
void schedule_carry(struct schedule *schedule, struct step *step, size_t unit, const char *reason);

/* A service answered its ready command: its slot is free again, who needs it may start. */
void schedule_ready(struct schedule *schedule, struct task *task);

/* Of a host: commands start there; or not now, but maybe later; or nobody waits for it any more. */
enum host_state { HOST_USABLE, HOST_AWAY, HOST_GONE };
/* What has become of the host (index into plan->hosts); at first all are usable. */
void schedule_host(struct schedule *schedule, size_t host, enum host_state state);

struct verdict;

/* A started task's attempt has ended, with what it came to. */
struct ending {
    int outcome;
    unsigned flags;
    bool lost;                /* its host was lost: it goes back into the queue, where it may */
    uint64_t rest_ns;         /* it may still run there, for so long; 0: it does not */
    struct verdict *verdicts; /* of each of its units; NULL: its outcome is that of all */
    /* Filled in: */
    bool final;               /* else it is tried again */
    uint64_t retry_ns;        /* not final: after this long */
    bool by_item;             /* not final: a failed batch; its items run one by one */
    bool requeued;            /* not final: lost with its host */
    const struct host *aside; /* put aside with this: failures in a row, only there; NULL: none */
    const char *reason;       /* set when the schedule changed the outcome; static */
};

/* Of one unit of several: it is a command of its own from now on. */
struct verdict {
    struct ending ending; /* outcome: 0: not known, it runs alone; what is filled in, as above */
    struct task *task;    /* filled in */
};
void schedule_finished(struct schedule *schedule, struct task *task, uint64_t now_ns,
                       struct ending *ending);

/* Stop everything: what runs gets ACTION_STOP with STOP_CANCEL, the rest is dropped as cancelled
 * with the reason (copied). May be called again. */
void schedule_cancel(struct schedule *schedule, const char *reason);

/* Nothing new starts, what runs goes on to its end: the disk is full, the journal cannot be
 * written. */
void schedule_halt(struct schedule *schedule, const char *reason);

/* After the end (or at any time): whether a step was begun and not skipped (cleanup `needs`);
 * whether some step found no item (status 4); whether anything failed that is not allowed to (when
 * = failure). */
bool schedule_started(const struct schedule *schedule, const struct step *step);
bool schedule_empty(const struct schedule *schedule);
bool schedule_failed(const struct schedule *schedule);
size_t schedule_running(const struct schedule *schedule);
/* Tasks that run now, for --fail-fast's second signal, SIGUSR1, pauses: calls `each` for every one.
 */
void schedule_each_running(const struct schedule *schedule,
                           void (*each)(void *data, struct task *task), void *data);
/* Tasks of a step in the order of their numbers, for items_from. */
const struct task *const *schedule_tasks(const struct schedule *schedule, const struct step *step,
                                         size_t *n);

#endif
