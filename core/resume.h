/* SPDX-License-Identifier: MIT
 *
 * --resume: what an earlier run says of the units of this one.
 *
 * A unit is told apart by its step and by its item, its cell or its number, never by its position
 * among others. The key says what is done to it: command as written, shell, uses with their
 * plugins' versions and options, environment that the configuration sets, folder. What passed with
 * the same key is left out. Commands that took several items are remembered as such: their groups
 * are used again.
 *
 * Each resumed run keeps what it took over in a file of its own, resumed.jsonl, written before
 * anything starts: what it never came to is not forgotten, and no older run is needed.
 */
#ifndef CIPLUG_CORE_RESUME_H
#define CIPLUG_CORE_RESUME_H

#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

/* Where units of one name are fewer than their verdicts, the first of these counts. */
enum resume_state {
    RESUME_FAILED, /* did not pass, for whatever reason */
    RESUME_PASSED,
    RESUME_OPEN /* was started, and nobody knows how it ended */
};

/* One command of the earlier run. */
struct resume_command {
    uint64_t key, grouping;
    uint32_t number;
    enum resume_state state;
    bool started;    /* false: it was dropped, which says nothing of its units */
    bool taken_over; /* that run had it from the one before */
    uint64_t *units; /* what they are known by */
    size_t n_units;
    size_t n_all;   /* so many wrote into its log */
    char *log_out;  /* absolute; NULL: none that is whole */
    uint64_t bytes; /* in it */
};

struct resume_entry {
    uint64_t unit;
    size_t command;
};

struct resume {
    char run[9];
    struct resume_command *commands;
    size_t n_commands, a_commands;
    struct resume_entry *entries; /* sorted by unit */
    size_t n, alloc;
    const uint64_t *keys; /* of this plan, borrowed */
    bool *again;          /* by step index: something unfinished needs it */
};

/* What is known of one unit. */
struct resume_choice {
    const struct resume_command *command; /* it was in this one; NULL: in none that counts */
    bool carried;                         /* it passed there and is left out now */
    char *log_out;                        /* of this run: set by who carries it */
};

/* --- resume_key.c --- */

/* The keys of all steps on all hosts; the caller's. */
uint64_t *resume_keys(const struct plan *plan);
/* `slot` 0: on the first of its hosts. 0 for a cleanup step. */
uint64_t resume_key(const struct plan *plan, const uint64_t *keys, const struct step *step,
                    uint32_t slot);
/* How the step deals its items to commands; 0: one each. Another number: groups are made anew. */
uint64_t resume_grouping(const struct step *step);
uint64_t resume_unit(const char *step, const char *name);

/* --- resume.c --- */

/* The folder of the run to resume: as rundir_find(), but of `run` NULL the newest that came so far
 * as to begin. NULL after a message, also when it is alive. */
char *resume_find(const char *state, const char *run);
/* Read the run in `run_dir`. Items that come from steps which are left out are put into the plan.
 * 0, or -1 after a message. `keys` is borrowed. */
int resume_load(struct resume *resume, struct plan *plan, const uint64_t *keys,
                const char *run_dir);
void resume_free(struct resume *resume);

/* --- resume_file.c --- */

/* What was taken over by the run in `run_dir`, as commands; none where it resumed nothing. */
void resume_file_read(struct resume *resume, const char *run_dir);
/* Write what is known into the folder `dir`, which is that of a new run beside the old one. 0, or
 * -1 with errno. */
int resume_file_write(const struct resume *resume, const char *dir);
/* A new command at the end; its units are to be added. */
struct resume_command *resume_add(struct resume *resume);

/* --- resume_units.c --- */

/* One choice for each unit of the step; the caller's, also their log_out. */
struct resume_choice *resume_choose(const struct resume *resume, const struct plan *plan,
                                    const struct step *step);
/* Form the step's commands: groups that were recorded stay as they are, the rest is dealt. */
void resume_regroup(const struct plan *plan, struct step *step,
                    const struct resume_choice *choices);
/* Whether items of another step are what this one prints: it is carried with its log or not. */
bool resume_is_source(const struct plan *plan, const struct step *step);
void resume_choices_free(struct resume_choice *choices, size_t n);
/* Which steps run again although they have passed. */
void resume_mark_again(struct resume *resume, struct plan *plan);

#endif
