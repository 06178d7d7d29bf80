/* SPDX-License-Identifier: MIT
 *
 * cgroup v2, as far as killing needs it: one folder of the keeper in the cgroup it was started in,
 * one leaf in it per hand. Where none can be made (no cgroup2 mount, not delegated, no
 * cgroup.kill) everything goes without.
 */
#ifndef CIPLUG_CORE_CGROUP_H
#define CIPLUG_CORE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pid_list;

/* Make <own cgroup>/ciplug-PID-START-KEEPER for the calling keeper: PID and start are those of its
 * runner, so that anybody can tell whether that one lives. 0, or -1 with errno. */
int cgroup_make_folder(char *path, size_t size, pid_t runner);
/* Whose folder it is, from its name. false: none that a keeper made. */
bool cgroup_folder_runner(const char *path, pid_t *runner, uint64_t *start);
/* How many processes are in and below it. */
unsigned cgroup_count(const char *path);
/* Remove the folders beside the one that the caller would get whose runner has died and in which
 * nothing is: its keeper died, too, before the journal could name them. Kills nothing. How many. */
unsigned cgroup_remove_empty(void);
/* SIGKILL everything in and below `path`; wait at most `patience_ms` until it is empty; remove it
 * with what is below. 0, also when it is not there, or -1 with errno. */
int cgroup_remove(const char *path, unsigned patience_ms);

struct cgroup_leaf {
    char *path; /* NULL: there is none, all descriptors are -1, every call does nothing */
    int procs, kill, events, freeze;
};

/* Make and open <folder>/<name>. Without one the leaf is an empty one. */
void cgroup_leaf_open(struct cgroup_leaf *leaf, const char *folder, unsigned number);
/* Close and remove. */
void cgroup_leaf_close(struct cgroup_leaf *leaf);
/* Whether the kernel took the order. */
bool cgroup_leaf_kill(struct cgroup_leaf *leaf);
bool cgroup_leaf_freeze(struct cgroup_leaf *leaf, bool frozen);
bool cgroup_leaf_populated(const struct cgroup_leaf *leaf);
/* Add the processes of the leaf. */
void cgroup_leaf_list(const struct cgroup_leaf *leaf, struct pid_list *list);

#endif
