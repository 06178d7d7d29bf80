/* SPDX-License-Identifier: MIT
 *
 * What the files of the schedule share: schedule.c (actions, questions), schedule_step.c (beginning
 * and end of steps), schedule_service.c, schedule_finish.c (endings, retries, batches)
 * schedule_place.c (slots and locks) and schedule_hosts.c (hosts that come and go).
 */
#ifndef CIPLUG_CORE_SCHEDULE_INTERNAL_H
#define CIPLUG_CORE_SCHEDULE_INTERNAL_H

#include "event.h"
#include "schedule.h"

/* A failed batch whose items run one by one. */
struct batch {
    size_t open; /* items that have not ended */
    bool failed; /* one of them did not pass by itself either */
};

enum progress_state { PROGRESS_WAITING, PROGRESS_OPENING, PROGRESS_OPEN, PROGRESS_ENDED };

/* A step on its way. */
struct progress {
    struct step *step;
    enum progress_state state;
    bool started;        /* begun, and not skipped as a whole */
    bool satisfied;      /* who needs it may start */
    bool stopped;        /* no further command of it starts */
    bool is_open;        /* in schedule->open */
    struct task **tasks; /* all there ever were */
    size_t n_tasks, a_tasks;
    struct task **pending; /* in the order in which they are tried, [first..first + n) */
    size_t first_pending, n_pending, a_pending;
    struct task *formed; /* the batch among them that was never started; NULL: none */
    size_t *rest;        /* units that no batch has taken yet */
    size_t n_rest, taken_rest;
    char **carried; /* a reason for each unit that --resume leaves out; NULL: none at all */
    uint32_t next_number;
    size_t running;
    uint64_t weight_running; /* slots that its commands hold now */
    uint32_t *on_ramp;       /* beside step->hosts: commands that hold slots there; NULL: no ramp */
    uint64_t units[8];       /* final outcomes */
    bool failed;             /* one that counts */
    const struct step *gone; /* a service that it needs, also by way of others, has died */
    size_t *dependents;      /* steps that need it, directly */
    size_t n_dependents, a_dependents;
    char *reason;
};

/* A host as the schedule knows it. */
struct host_view {
    enum host_state state;
    bool aside;   /* nothing starts there that may start elsewhere */
    bool passed;  /* a command did, since the row of another host began */
    unsigned row; /* failures here, one after the other, and none elsewhere meanwhile */
};

struct schedule {
    struct plan *plan;
    struct host_view *hosts; /* beside plan->hosts */
    size_t n_away, n_gone;   /* of them */
    char *homeless;          /* the last reason of that kind */
    bool cleanup;
    enum failure_mode mode;
    struct schedule_hooks hooks;
    struct progress *steps;
    size_t n_steps;
    size_t open_steps;      /* that have not ended */
    struct progress **open; /* PROGRESS_OPEN, in file order */
    size_t n_open, a_open;
    struct task **slots; /* [1..n_slots]: who holds it */
    bool *reserved;      /* [1..n_slots]: kept for a heavy command of an earlier step */
    struct strv locks;
    struct action *actions;
    size_t n_actions, a_actions, next_action;
    size_t *check; /* steps whose needs are to be looked at */
    size_t n_check, a_check, next_check;
    bool cancelled, failed, empty;
    char *cancel_reason;
    enum stop_why cancel_why;
    size_t running;
    size_t idle_services; /* of them: ready, and live until somebody else has ended */
    size_t opening;       /* steps in PROGRESS_OPENING */
    uint64_t wake_ns;
    struct batch **batches;
    size_t n_batches, a_batches;
};

static inline struct progress *progress_of(const struct schedule *schedule, const struct step *step)
{
    return &schedule->steps[step->index];
}

static inline bool step_is_service(const struct step *step)
{
    return step->ready.text != NULL;
}

/* schedule.c */
void schedule_push(struct schedule *schedule, struct action action);
/* The step's needs may have changed. */
void schedule_look_at(struct schedule *schedule, size_t index);
void schedule_look_at_all(struct schedule *schedule);

/* schedule_step.c */
/* A step that is not begun yet leaves when it must not begin any more. Whether it did. */
bool schedule_leave_if_late(struct schedule *schedule, struct progress *p);
void schedule_drop(struct schedule *schedule, struct progress *p, struct task *task, int outcome,
                   const char *reason);
void schedule_check_step(struct schedule *schedule, struct progress *p);
void schedule_close_if_done(struct schedule *schedule, struct progress *p);
/* Nothing more of the step starts, its pending commands are cancelled; STOP_NONE: what runs goes
 * on. */
void schedule_stop_step(struct schedule *schedule, struct progress *p, enum stop_why why,
                        const char *reason);

/* schedule_service.c */
void schedule_stop_running(struct schedule *schedule, struct progress *p, enum stop_why why);
/* Stop the services whose last user has ended. */
void schedule_release_services(struct schedule *schedule);
/* Of a command of a service that has ended for good: `bad`, or in a way that hurts nobody. */
void schedule_service_ended(struct schedule *schedule, struct progress *service, bool bad);

/* schedule_finish.c */
void schedule_fail_run(struct schedule *schedule, const struct step *step);
/* Nothing runs that could end, and nothing waits for a time: fail a command that can never start.
 */
bool schedule_break_stall(struct schedule *schedule);
/* The pending command at that place of p->pending never starts: an error. */
void schedule_fail_pending(struct schedule *schedule, struct progress *p, size_t at,
                           const char *reason);
void schedule_cancel_all(struct schedule *schedule, enum stop_why why, const char *reason);

/* schedule_place.c */
struct task *task_new(struct progress *p, uint32_t number, const size_t *units, size_t n);
void task_free(struct task *task);
void pending_push(struct progress *p, struct task *task);
void pending_remove(struct progress *p, size_t at);
/* Place one pending command on a slot if one can be: it is then running. */
bool schedule_place(struct schedule *schedule, uint64_t now_ns, struct action *action);
void schedule_form_batch(struct schedule *schedule, struct progress *p);
void schedule_release_slots(struct schedule *schedule, struct task *task);
void schedule_release_locks(struct schedule *schedule, struct task *task);

/* schedule_hosts.c */
bool schedule_slot_open(const struct schedule *schedule, uint32_t slot);
/* Its host was put aside, and the step has others. */
bool schedule_slot_aside(const struct schedule *schedule, const struct step *step, uint32_t slot);
/* A pending command whose hosts are all gone ends as an error. Whether there was one. */
bool schedule_drop_homeless(struct schedule *schedule);
bool schedule_may_requeue(const struct schedule *schedule, const struct progress *p,
                          const struct task *task, const struct ending *ending);
/* Of each attempt that was not lost. The host that is put aside now; NULL: none. */
const struct host *schedule_judge_host(struct schedule *schedule, const struct task *task,
                                       int outcome);

#endif
