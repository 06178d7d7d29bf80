/* SPDX-License-Identifier: MIT
 *
 * What a report that is written at the end has to remember of its runs: a fold over the events, the
 * same for a run that goes on and for one that is read from its journal. So nothing is kept that a
 * journal does not have, and times are as exact as in a journal: microseconds.
 */
#ifndef CIPLUG_PLUGINS_FOLD_H
#define CIPLUG_PLUGINS_FOLD_H

#include <ciplug/plugin.h>

#include <stdbool.h>

#define FOLD_EVENTS                                                                                \
    (CIPLUG_RUN_STARTED | CIPLUG_STEP_STARTED | CIPLUG_COMMAND_STARTED | CIPLUG_COMMAND_FINISHED | \
     CIPLUG_STEP_FINISHED | CIPLUG_RUN_FINISHED)

/* Of those who ask for CIPLUG_TEST_FINISHED, too. */
struct fold_case {
    const char *texts; /* all of them in one piece; none is NULL */
    /* Within it; item: whose it is, "" when that is not known. */
    const char *item, *suite, *classname, *name, *file, *type, *message, *text;
    uint32_t line, flags;
    uint32_t order; /* as they were written, from 0 */
    int32_t outcome;
    uint64_t duration_us;
};

/* One start of a command, or a command that never started. */
struct fold_attempt {
    const char *texts; /* all texts of the attempt, in one piece */
    /* Within it: */
    const char *reason, *host;        /* host: "" when it was never placed */
    const char *log_out, *log_err;    /* relative to the run's folder where they are in it; "" */
    const char *names;                /* its items, or one name for people; each ends with NUL */
    uint32_t n;                       /* how many names: the units that it counts for */
    bool has_items, final, finished;  /* not finished: it still runs, as far as is known */
    uint32_t number, attempt, worker; /* worker 0: never placed */
    uint32_t order;                   /* of its arrival within the step, from 0 */
    int32_t outcome, exit_code, signal;
    uint32_t flags;
    uint64_t started_us, duration_us; /* started 0: never */
    uint64_t known_us;                /* when it was said to have ended, or to have begun */
    uint32_t batch;                   /* not 0: its verdict is from the results of that command */
    struct fold_case *cases;          /* of the JUnit files that it wrote */
    size_t n_cases, cases_alloc;
};

struct fold_step {
    char *name;
    char *reason; /* NULL: none */
    bool cleanup, finished;
    int32_t outcome;
    uint64_t planned;
    uint64_t started_us, ended_us;
    struct fold_attempt *attempts;
    size_t n, alloc;
    size_t *open; /* which of them have no end yet; not after fold_sort() */
    size_t n_open, open_alloc;
};

struct fold_run {
    char *run, *dir;
    char *reason; /* NULL: none */
    bool finished;
    int32_t exit_status;
    uint64_t started_us, last_us; /* last: of what is known */
    struct fold_step *steps;
    size_t n, alloc;
};

struct fold {
    struct fold_run *runs;
    size_t n, alloc;
    bool failed; /* no memory: what is here is not all */
};

/* How many units came to which end; only final attempts count. */
struct fold_sums {
    uint64_t by_outcome[CIPLUG_SKIPPED + 1];
    uint64_t units;
    uint64_t missing; /* planned, and nothing is known of their end */
    uint64_t bad;     /* of the units: neither passed nor skipped, and not allowed to fail */
    uint64_t allowed; /* of the units: did not pass, and may */
};

/* Start zeroed. */
void fold_event(struct fold *fold, const struct ciplug_event *event);
void fold_free(struct fold *fold);

/* By number, and the attempts of a command in their order; and their cases by item. */
void fold_sort(struct fold_step *step);
void fold_sum(const struct fold_step *step, struct fold_sums *sums);
/* Whether the step is as it has to be. */
bool fold_step_green(const struct fold_step *step, const struct fold_sums *sums);
/* Whether everything in the run that is no cleanup step is as it has to be. */
bool fold_green(const struct fold_run *run);
/* Why a run has no verdict, or one that none of its commands shows. `buf` is used where needed. */
const char *fold_why(const struct fold_run *run, char *buf, size_t size);

/* ---- cases ---- */

/* The attempt whose files tell of this one: itself, or its batch. The step is sorted. */
const struct fold_attempt *fold_writer(const struct fold_step *step,
                                       const struct fold_attempt *attempt);
/* The cases of `attempt` among those of its writer: the first (`at` NULL), and the next; NULL: no
 * more. */
const struct fold_case *fold_case_next(const struct fold_attempt *writer,
                                       const struct fold_attempt *attempt,
                                       const struct fold_case *at);
struct fold_case_sums {
    uint64_t cases, failed, errors, skipped; /* of the cases */
    uint64_t duration_us;
};
void fold_cases_sum(const struct fold_attempt *writer, const struct fold_attempt *attempt,
                    struct fold_case_sums *sums);
/* For the fold itself: 0 or -1 (no memory). */
int fold_case_add(struct fold_attempt *attempt, const struct ciplug_event *event);
void fold_cases_sort(struct fold_attempt *attempt);
void fold_cases_free(struct fold_attempt *attempt);

/* A batch that failed, seen from one of its items, which was then tried alone as a command of its
 * own. */
struct fold_batch {
    const char *name;
    const struct fold_attempt *attempt;
};

struct fold_batches {
    struct fold_batch *list; /* by name, and in the order of the attempts */
    size_t n;
};

/* Of a step that is sorted. 0 or -1 (no memory). */
int fold_batches_find(struct fold_batches *batches, const struct fold_step *step);
/* The first one that had the attempt's only item, and the next; NULL: none. */
const struct fold_batch *fold_batches_of(const struct fold_batches *batches,
                                         const struct fold_attempt *attempt);
const struct fold_batch *fold_batches_next(const struct fold_batches *batches,
                                           const struct fold_batch *at);
void fold_batches_free(struct fold_batches *batches);

const char *fold_outcome(int32_t outcome); /* "passed"; "error" for what is unknown */
/* Name of the flag 1 << `index`: "flaky", ...; NULL behind the last. */
const char *fold_flag(unsigned index);
static inline bool fold_bad(int32_t outcome)
{
    return outcome != CIPLUG_PASSED && outcome != CIPLUG_SKIPPED;
}
static inline const char *fold_next_name(const char *name)
{
    while (*name)
        name++;
    return name + 1;
}

#endif
