/* SPDX-License-Identifier: MIT
 *
 * Finding and signalling a tree of processes through /proc. The caller is a subreaper, so whatever
 * its command started is its descendant until it was reaped.
 */
#ifndef CIPLUG_CORE_PROCTREE_H
#define CIPLUG_CORE_PROCTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Growing; what finds no memory is left out, callers look again anyway. */
struct pid_list {
    pid_t *v;
    size_t n;
    size_t alloc;
};

void pid_list_add(struct pid_list *list, pid_t pid);
void pid_list_clear(struct pid_list *list); /* keeps the memory */
void pid_list_free(struct pid_list *list);
/* Ascending, each once. */
void pid_list_sort(struct pid_list *list);

/* For reading one's own children with one system call. */
struct proctree {
    pid_t self;
    int children; /* /proc/self/task/TID/children, -1 where the kernel has none */
};

int proctree_open(struct proctree *tree); /* 0, or -1 with errno: no /proc */
void proctree_close(struct proctree *tree);
/* Add the children of the caller, zombies too. */
void proctree_children(const struct proctree *tree, struct pid_list *list);
/* Add all descendants of the caller, parents before their children. */
void proctree_descendants(const struct proctree *tree, struct pid_list *list);
/* Signal `pid` only if it is a descendant of the caller, however old the list is that named it.
 * Whether it was sent. */
bool proctree_signal(const struct proctree *tree, pid_t pid, int signo);

struct process_stat {
    char state;
    pid_t parent;
    pid_t group;
    unsigned flags;
    long threads;
    uint64_t start; /* clock ticks since boot */
};

/* 0, or -1 when there is no such process. */
int process_stat(pid_t pid, struct process_stat *stat);
/* Whether it runs: no zombie, and not on its way out. */
bool process_alive(const struct process_stat *stat);
/* Stands in a description where a command line was cut. */
#define PROCESS_CUT '\x1e'
/* Whether SIGKILL has reached it already, and it has only not come to die yet. */
bool process_doomed(pid_t pid);
/* Add ", pid 123 sleep 600" to `text` (of `size` bytes) for `pid`, with state and wchan where
 * `stuck`; ", ..." once when there is no more room. What the process
 * calls itself is there byte for byte, but for NULs: mask it, then make it one line. */
void process_describe(char *text, size_t size, pid_t pid, bool stuck);
/* Call `visit` for every process that /proc names. */
void process_each(void (*visit)(pid_t pid, void *data), void *data);

#endif
