/* SPDX-License-Identifier: MIT
 *
 * What the parts of the run share: run.c (loop and phases), run_step.c (opening steps), run_emit.c
 * (events and journal), run_hosts.c, run_schedule.c, run_setup.c, run_signals.c.
 */
#ifndef CIPLUG_CORE_RUN_INTERNAL_H
#define CIPLUG_CORE_RUN_INTERNAL_H

#include "console.h"
#include "event.h"
#include "executor.h"
#include "hosts.h"
#include "journal.h"
#include "ledger.h"
#include "marker.h"
#include "outside.h"
#include "resume.h"
#include "run.h"

#include <uv.h>

/* PHASE_SWEEP: nothing is scheduled any more, plugins remove what is left outside. */
enum phase { PHASE_STEPS, PHASE_CLEANUP, PHASE_SWEEP, PHASE_END };

#define RUN_SIGNALS 5

struct run {
    uv_loop_t loop;
    struct plan *plan;
    const struct run_options *options;
    struct keeper *keeper;
    struct rundir dir;
    struct journal journal;
    const struct mask *mask; /* the plan's */
    struct events events;
    struct ledger ledger;
    struct screen *screen;
    struct console *console;
    char marker[MARKER_RUN_MAX];
    char *owner; /* of what is created outside: BOOT-ID.PID.START */
    struct hands hands;
    struct runclock clock;
    struct executor executor;
    struct hosts *hosts;
    struct resume *resume;          /* NULL: none */
    struct resume_choice **carried; /* by step and unit; NULL: none */
    size_t *n_carried;              /* beside them */
    struct schedule *steps, *cleanups;
    struct schedule *current;
    enum phase phase;
    bool pumping;
    uv_timer_t wake, deadline, tick, rush;
    uv_poll_t keeper_watch;
    uv_signal_t signals[RUN_SIGNALS];
    uv_poll_t stop_watch; /* of SIGTSTP, which stays blocked */
    int stop_fd, cont_fd;
    bool resume_due;      /* some hand had no room for the order */
    uint64_t deadline_ns; /* of run_timeout, on the run's clock; 0: none */
    uint64_t rush_ns;     /* when what ran at the second signal has to be over, likewise */
    int signo;            /* the first that came; 0: none */
    unsigned n_signals;
    bool stop_waiting; /* signals came while it ended: nobody waits for the screen */
    bool no_verdict;
    bool incomplete; /* an artifact was lost, or a step's commands: status 3, nothing is halted */
    int said;        /* exit status as run_finished has it */
    bool timed_out;
    bool unkillable;           /* something is */
    bool kept;                 /* --keep, and something failed: surroundings stay */
    char *reason;              /* why the run ended early */
    uint64_t *keys;            /* of --resume */
    struct asked *asked;       /* `if` commands that run now */
    struct strv option_values; /* handed to reporters */
    struct plugins reapers;    /* loaded for what dead runs left only */
    struct intents intents;    /* all of this run, each once */
    struct outside outside;    /* PHASE_SWEEP and later */
    struct errands *sweep;     /* while it goes on */
    bool sweep_rushed;         /* went on when a second signal came */
    struct strv aside;         /* hosts that failed alone */
    struct strv enter;         /* --keep: how to look inside */
};

/* The run's clock: monotonic, stands still while the run is paused. */
uint64_t run_now(const struct run *run);
/* Do what the schedule wants, until it wants nothing now; go to the next phase at its end. */
void run_pump(struct run *run);
/* End early: what runs is stopped, cleanup steps follow. `reason` is copied. */
void run_cancel(struct run *run, const char *reason);

/* run_emit.c */
void run_emit_started(struct run *run);
void run_emit_step_started(struct run *run, const struct step *step, uint64_t planned);
void run_emit_step_finished(struct run *run, const struct step *step, int outcome,
                            const char *reason);
void run_emit_command(struct run *run, int kind, struct execution *execution, const char *text);
void run_emit_output(struct run *run, struct execution *execution, int stream, const void *bytes,
                     size_t length, uint64_t offset);
/* The cases that its JUnit files tell. */
void run_emit_tests(struct run *run, const struct execution *execution);
/* After it: what they say of each of its items. */
void run_emit_verdicts(struct run *run, struct execution *execution);
/* What never starts. */
void run_emit_dropped(struct run *run, struct task *task, int outcome, const char *reason);
void run_emit_notice(struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void run_emit_finished(struct run *run, int exit_status);
/* Nothing can be written down any more: nothing new is started. */
void run_emit_journal_failed(struct run *run);
/* A notice for the journal only: the reporters have finished. */
void run_emit_last_record(struct run *run, const char *text);
/* Fold the journal as it was written and compare it with the live numbers. */
bool run_check_journal(struct run *run);

/* run_setup.c: each 0, or -1 after a message. */
/* Of this one the exit status, or 0. */
int run_open_records(struct run *run); /* run folder, journal, mask, keys, what is resumed */
int run_start_screen(struct run *run); /* screen, console, messages */
void run_add_reporters(struct run *run);

/* run_step.c */
void run_open_step(struct run *run, struct step *step);
/* A second signal has come: mark the `if` commands that run. */
void run_rush_asked(struct run *run);
/* A line for each `if` command that runs. */
void run_describe_asked(const struct run *run, struct strbuf *out);
/* Kill the `if` commands that run, all or those that were marked. */
void run_kill_asked(struct run *run, bool rushed_only);

/* run_schedule.c */
void run_begin_schedule(struct run *run, bool cleanup);

/* run_hosts.c */
/* Connect to them, and tell the schedule which can be used. */
void run_hosts_begin(struct run *run);
void run_hosts_want(struct run *run, const struct step *step);
void run_hosts_end(struct run *run);
const char *run_host_lost(void *data, uint32_t slot);
/* Of an attempt that has ended: whether it was lost with its host. */
void run_hosts_judge(struct run *run, const struct execution *execution, struct ending *ending);
/* Say again, at the end, what people have to know of them. */
void run_hosts_conclude(struct run *run);
void run_hosts_tell(struct run *run, const struct ending *ending);

/* run_sweep.c */
/* Journal what a command may create, each different thing once. 0, or -1 with errno. */
int run_note_intents(struct run *run, const struct launch *launch);
/* After the cleanup steps: remove what is left. Whether there is anything to wait for; then the
 * loop is stopped at the end of it. */
bool run_sweep_begin(struct run *run);
/* A second signal has come: it has five seconds, if it goes on already. */
void run_sweep_rush(struct run *run);
void run_sweep_kill(struct run *run);
/* --keep: a command has failed there. */
void run_note_place(struct run *run, struct execution *execution);
void run_tell_kept(struct run *run);
void run_sweep_free(struct run *run);

/* run_signals.c */
void run_watch_signals(struct run *run);
void run_unwatch_signals(struct run *run);
/* The loop has ended and only the screen is waited for: a flag that any signal now sets. */
const volatile bool *run_signals_while_waiting(struct run *run);

#endif
