/* SPDX-License-Identifier: MIT
 *
 * --resume: what passed in an earlier run, by step, key and unit.
 *
 * The key says what a step does to an item: command as written, shell, uses with their plugins'
 * versions and options, environment that the configuration sets, folder. A unit is told apart by
 * its item, its cell or its number, never by its position among others.
 */
#ifndef CIPLUG_CORE_RESUME_H
#define CIPLUG_CORE_RESUME_H

#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

/* How one unit ended there. */
struct resume_entry {
    uint64_t hash; /* of step, key and unit */
    bool failed;
    char *log_out; /* of its own command; NULL: it shared one with others, or has none */
};

struct resume {
    char run[9];
    struct resume_entry *entries; /* sorted by hash */
    size_t n, alloc;
    bool *again; /* by step index: rerun steps that something unfinished needs */
};

uint64_t resume_key(const struct plan *plan, const struct step *step);
/* Read the journal of the run in `run_dir`. 0, or -1 after a message. */
int resume_load(struct resume *resume, const struct plan *plan, const char *run_dir);
void resume_free(struct resume *resume);
/* For each unit of the step: the entry by which it passed there and is left out now, or NULL: it
 * runs. The entries are the resume's. */
void resume_units(const struct resume *resume, const struct plan *plan, const struct step *step,
                  const struct resume_entry **passed);

#endif
