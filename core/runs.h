/* SPDX-License-Identifier: MIT
 *
 * The runs in a state folder: their ids, their order, whether they live. For rundir and prune.
 */
#ifndef CIPLUG_CORE_RUNS_H
#define CIPLUG_CORE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_ID_SIZE 9 /* 8 of a-z0-9, the first a letter, and a NUL */

struct run_entry {
    char id[RUN_ID_SIZE];
    uint64_t started_ns;
};

struct run_list {
    struct run_entry *list; /* newest first */
    size_t n;
    size_t alloc;
};

bool run_id_valid(const char *id);
/* Folders in `runs` (an open folder) that are named like a run. What counts as its start is the
 * time of its lock file, which nobody writes later. */
void run_list_read(struct run_list *list, int runs);
void run_list_free(struct run_list *list);
/* Whether somebody holds the lock of the run in the open folder; also when that cannot be known. */
bool run_alive_at(int run);
/* Whoever holds this descriptor is the only one who makes or removes runs: a new run must not be
 * taken for a dead one before it has its lock. Waits; close it soon. -1 with errno. */
int runs_guard(int runs);

#endif
