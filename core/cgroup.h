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

struct pid_list;

/* Make <own cgroup>/ciplug-PID-STARTTIME of the calling process. 0, or -1 with errno. */
int cgroup_make_folder(char *path, size_t size);
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
