/* SPDX-License-Identifier: MIT
 *
 * Starting a command's first process: clone with VM and VFORK, which costs no copy of page tables
 * and tells about exec by returning. It blocks the caller until exec, so only hands do it, and
 * what happens meanwhile stands in a slot of memory shared with the keeper, which kills a child
 * that does not come to its exec (a folder on a dead file server).
 */
#ifndef CIPLUG_CORE_SPAWN_H
#define CIPLUG_CORE_SPAWN_H

#include "keeper.h"
#include "priority.h"

#include <stdatomic.h>

/* One per hand, in MAP_SHARED memory: the child writes, its hand and the keeper read. */
struct spawn_slot {
    _Alignas(64) _Atomic uint64_t since_ns; /* CLOCK_MONOTONIC; 0: nothing is being started */
    _Atomic int32_t pid;                    /* of the child, once it runs */
    _Atomic int32_t hung;                   /* the keeper kills it */
    int32_t where;                          /* enum hand_where of a failure */
    int32_t error;                          /* its errno; 0: exec */
    int32_t in_cgroup;
};

struct spawn {
    char *const *argv;
    char *const *env;
    const char *cwd;       /* or NULL */
    int fds[3];            /* all above 2 */
    int cgroup_fd;         /* cgroup.procs of its leaf, or -1 */
    const char *oom_score; /* for its oom_score_adj, or NULL */
    const struct priority *usual;
    void *stack; /* of SPAWN_STACK bytes, used until exec */
    struct spawn_slot *slot;
};

#define SPAWN_STACK ((size_t)262144)

/* Start it. Its pid, or -1 with *where and errno. The child has: a session of its own, an empty
 * signal mask, the dispositions of the caller (who has only default and ignored ones), exactly
 * these descriptors (the caller's others are close-on-exec), SIGKILL when the caller dies. */
pid_t spawn_command(const struct spawn *spawn, enum hand_where *where);

/* What the keeper does now and then: kill the child in `slot` when it was begun before `limit_ns`
 * and has not come to its exec. */
void spawn_kill_hung(struct spawn_slot *slot, uint64_t limit_ns);

/* `base` with the NAME=VALUE of `changes` in place of its own; both NULL-terminated. The array is
 * the caller's to free, the strings are those given. NULL with errno. */
char **spawn_environment(char *const *base, char *const *changes);

#endif
