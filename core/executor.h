/* SPDX-License-Identifier: MIT
 *
 * The built-in executor: a task on its slot -> logs, outcome, artifacts. Runs what is beside a
 * command too: slow notices, the ready command of a service, on_failure, evidence.
 */
#ifndef CIPLUG_CORE_EXECUTOR_H
#define CIPLUG_CORE_EXECUTOR_H

#include "attempt.h"
#include "launch.h"
#include "logfile.h"
#include "mask.h"
#include "results.h"
#include "results_taken.h"
#include "runclock.h"
#include "rundir.h"
#include "schedule.h"
#include "side.h"
#include "util.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What a cleanup step has after a second signal. */
#define RUSHED_NS (5 * NS_PER_S)
/* How long on_failure may take; its hand waits a second more. */
#define ON_FAILURE_NS (60 * NS_PER_S)

/* What execution_far.c keeps of a command whose place is not here. */
struct far {
    uv_timer_t probe;
    bool heard;          /* since the last look */
    unsigned unanswered; /* probes in a row */
    char *lost;          /* the place is: why */
    bool silent;         /* it did not even say that it is not there */
    bool deciding;       /* it is asked whether its engine answers */
    struct side *alive, *evidence, *stop, *ask;
    uint64_t host_lost_ns; /* when that was found */
    bool evidence_tried, stop_tried, ask_tried;
    bool stopped;         /* ended there, by the word of its builder */
    bool left;            /* that could not be done */
    char *host_lost;      /* its host is: why */
    struct logfile *file; /* of the evidence */
    char *path;
    struct mask_stream mask;
    struct strbuf line, reasons; /* of the evidence */
    struct strbuf ending;        /* how it was ended there, where no guard has said so */
};

/* What execution_results.c keeps of the JUnit files of a command. */
struct collecting {
    struct side *side; /* fetches or reads them */
    bool looked;       /* what was there before is known, as far as it can be */
    bool blind;        /* it cannot */
    bool collected;    /* nothing more is waited for */
    bool read;         /* `now` tells what the command wrote */
    struct results before, now;
    char *folder; /* where they were fetched to, or lie; NULL: not yet */
    struct strv patterns;
    uint64_t since_ns;        /* when the attempt began, as files are stamped */
    struct verdict *verdicts; /* of each unit; NULL: they have none of their own */
};

/* One attempt of one task, from ACTION_START to schedule_finished(). */
struct execution {
    struct executor *executor;
    struct task *task;
    struct launch launch;        /* launch.command: what events say of it */
    struct ciplug_result result; /* of events; complete when finished() is called */
    struct strbuf reason;
    char *marker;
    struct attempt *attempt; /* NULL: not started, or done */
    struct attempt_end end;
    bool attempt_done;
    bool stopped;       /* the run wanted its end */
    bool rushed;        /* ran when a second signal came: has 5 s from then */
    bool start_overdue; /* start_timeout is over; one more look at what has come */
    bool start_timed_out;
    bool counted; /* in executor->active */
    unsigned spawn_tries;
    uint64_t start_due_ns; /* of start_timeout, on the run's clock */
    struct exec_log {
        struct execution *execution;
        int stream;
        struct logfile *file; /* NULL: none, or closing */
        struct mask_stream mask;
        char *path;
        uint64_t bytes;
        bool open; /* not yet closed */
        bool held;
    } logs[2];
    bool logs_ended;
    uv_timer_t timer; /* start_timeout, then slow; between two tries to spawn */
    uv_timer_t ready_timer;
    int handles;
    struct far far;
    bool unguarded; /* tried with a guard, and there is no shell */
    struct side *on_failure, *ready, *artifacts;
    bool artifacts_done;
    struct collecting collecting;
    int log_error;
};

struct executor_hooks {
    /* Before anything of it starts: write down what it may create. 0, or -1 with errno. */
    int (*intents)(void *data, const struct launch *launch);
    void (*started)(void *data, struct execution *execution);
    void (*output)(void *data, struct execution *execution, int stream, const void *bytes,
                   size_t length, uint64_t offset);
    void (*notice)(void *data, struct execution *execution, const char *text);
    void (*ready)(void *data, struct execution *execution);
    /* outcome, flags, reason and times are in execution->result. It is freed afterwards. */
    void (*finished)(void *data, struct execution *execution);
    /* A log could not be written (errno): the run has to stop scheduling. */
    void (*disk_failed)(void *data, int error);
    /* Why the host of the slot is known to be lost; NULL: it is not. */
    const char *(*host_lost)(void *data, uint32_t slot);
    /* Something that a command made could not be kept: the run cannot say that all is well. */
    void (*incomplete)(void *data);
};

struct executor {
    uv_loop_t *loop;
    struct launcher launcher;
    struct hands *hands;
    struct logwriter *logwriter;
    const struct rundir *dir;
    struct executor_hooks hooks;
    void *data;
    const struct runclock *clock;
    struct results_taken taken; /* JUnit files that commands had */
    size_t active;              /* commands that hold descriptors */
    size_t most;                /* so many may, by the limit of descriptors */
    bool rushed; /* after a second signal: what starts now has 5 s in all and no grace */
};

/* How many commands may run at once by the limit of open files; call when all else is open. */
void executor_limit(struct executor *executor);
/* Never fails: what cannot be started is finished with outcome error, maybe before this returns. */
void executor_start(struct executor *executor, struct task *task);
void executor_stop(struct execution *execution, int signo);
void executor_kill(struct execution *execution);

/* execution_beside.c */
void beside_held(struct execution *execution);
void beside_watch_ready(struct execution *execution);
/* true: nothing to copy, or it was copied; false: comes back through execution_advance(). */
bool beside_artifacts(struct execution *execution);
/* execution_results.c */
/* Before it starts: what lies there already is none of its results. true: go on; false: comes back
 * through execution_begin(). */
bool results_looked(struct execution *execution);
/* It is about to start. */
void results_since(struct execution *execution);
/* It has ended: true: nothing to read, or it was read; false: comes back through
 * execution_advance(). */
bool results_collected(struct execution *execution);
/* Add to outcome and reason; its items' own verdicts. */
void results_judge(struct execution *execution);
void results_kill(struct execution *execution);
void results_forget(struct execution *execution);
/* execution_far.c */
/* Its client runs: look now and then whether the place answers. */
void far_watch(struct execution *execution);
/* It has ended: save what explains it, end what may be left there. false: comes back through
 * execution_advance(). */
bool far_settled(struct execution *execution);
bool far_busy(const struct execution *execution);
/* Whether its host was lost under it, and it may be run again on another one. */
bool far_host_lost(const struct execution *execution);
/* Its client has ended: nothing is to be asked any more. */
void far_quiet(struct execution *execution);
void far_kill(struct execution *execution);
/* Add to outcome and reason. */
void far_judge(struct execution *execution);
/* What matches, from the place to a new folder of the run for that command (`kind`: "artifacts").
 * *folder is the caller's. *found 0: its builders fetch nothing. NULL with *found != 0: errno. */
struct side *far_fetch(struct execution *execution, const char *kind, const struct strv *patterns,
                       const struct side_hooks *hooks, char **folder, int *found);
void far_free(struct far *far);
/* execution_logs.c */
/* 0, or -1 with errno. */
int execution_open_logs(struct execution *execution);
void execution_log(struct execution *execution, int stream, const void *bytes, size_t length);
/* Each comes back through execution_advance() when it is on the disk. */
void execution_end_logs(struct execution *execution);
/* executor.c, for these two */
void execution_advance(struct execution *execution);
void execution_begin(struct execution *execution);
void execution_notice(struct execution *execution, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
