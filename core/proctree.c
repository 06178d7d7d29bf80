/* SPDX-License-Identifier: MIT */
#include "proctree.h"
#include "util.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLAG_EXITING 0x4    /* PF_EXITING of the kernel, in field 9 of stat */
#define DEPTH_MAX    100000 /* of a tree, and its members: more is a loop that we made */

void pid_list_add(struct pid_list *list, pid_t pid)
{
    if (list->n == list->alloc) {
        size_t alloc = list->alloc ? list->alloc * 2 : 64;
        pid_t *v = realloc(list->v, alloc * sizeof *v);
        if (!v)
            return;
        list->v = v;
        list->alloc = alloc;
    }
    list->v[list->n++] = pid;
}

void pid_list_clear(struct pid_list *list)
{
    list->n = 0;
}

void pid_list_free(struct pid_list *list)
{
    free(list->v);
    *list = (struct pid_list){0};
}

static int compare_pids(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

void pid_list_sort(struct pid_list *list)
{
    if (list->n < 2)
        return;
    qsort(list->v, list->n, sizeof *list->v, compare_pids);
    size_t kept = 1;
    for (size_t i = 1; i < list->n; i++) {
        if (list->v[i] != list->v[kept - 1])
            list->v[kept++] = list->v[i];
    }
    list->n = kept;
}

int proctree_open(struct proctree *tree)
{
    char path[64];
    tree->self = getpid();
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)tree->self);
    tree->children = open(path, O_RDONLY | O_CLOEXEC);
    return tree->children < 0 && access("/proc/self/stat", R_OK) < 0 ? -1 : 0;
}

void proctree_close(struct proctree *tree)
{
    if (tree->children >= 0)
        close(tree->children);
    tree->children = -1;
}

/* A children file holds "12 34 ". The kernel fills a read up to a page, so that a short one was the
 * last: the common case takes one call. */
static void read_children(int fd, struct pid_list *list)
{
    char text[4096];
    off_t offset = 0;
    pid_t pid = 0;
    ssize_t n;
    do {
        n = pread(fd, text, sizeof text, offset);
        for (ssize_t i = 0; i < n; i++) {
            if (isdigit((unsigned char)text[i])) {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                pid_list_add(list, pid);
                pid = 0;
            }
        }
        offset += n > 0 ? n : 0;
    } while (n > (ssize_t)sizeof text / 2);
}

void process_each(void (*visit)(pid_t pid, void *data), void *data)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (isdigit((unsigned char)entry->d_name[0]))
            visit((pid_t)strtol(entry->d_name, NULL, 10), data);
    }
    if (dir)
        closedir(dir);
}

struct child_search {
    pid_t parent;
    struct pid_list *list;
};

static void add_if_child(pid_t pid, void *data)
{
    struct child_search *search = data;
    struct process_stat stat;
    if (process_stat(pid, &stat) == 0 && stat.parent == search->parent)
        pid_list_add(search->list, pid);
}

/* For a kernel without CONFIG_PROC_CHILDREN. */
static void scan_children(pid_t parent, struct pid_list *list)
{
    struct child_search search = {parent, list};
    process_each(add_if_child, &search);
}

void proctree_children(const struct proctree *tree, struct pid_list *list)
{
    if (tree->children >= 0)
        read_children(tree->children, list);
    else
        scan_children(tree->self, list);
}

/* Each thread has children of its own. */
static void children_of(pid_t pid, struct pid_list *list)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char file[96];
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(file, sizeof file, "%s/%.16s/children", path, entry->d_name);
        AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            read_children(fd, list);
    }
    if (dir)
        closedir(dir);
}

void proctree_descendants(const struct proctree *tree, struct pid_list *list)
{
    size_t at = list->n;
    proctree_children(tree, list);
    for (; at < list->n && list->n < DEPTH_MAX; at++) {
        if (tree->children >= 0)
            children_of(list->v[at], list);
        else
            scan_children(list->v[at], list);
    }
}

/* Up to size - 1 bytes of /proc/PID/NAME, NUL-terminated. Their number, or -1. */
static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

int process_stat(pid_t pid, struct process_stat *stat)
{
    char text[1024];
    if (read_proc(pid, "stat", text, sizeof text) <= 0)
        return -1;
    const char *at = strrchr(text, ')'); /* the name before may hold anything */
    int parent = 0, group = 0;
    unsigned long long start = 0;
    if (!at || sscanf(at,
                      ") %c %d %d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d "
                      "%llu",
                      &stat->state, &parent, &group, &stat->flags, &stat->threads, &start) != 6)
        return -1;
    stat->parent = parent;
    stat->group = group;
    stat->start = start;
    return 0;
}

bool process_alive(const struct process_stat *stat)
{
    if (stat->threads > 1) /* what stands there is the first thread's */
        return true;
    return stat->state != 'Z' && stat->state != 'X' && !(stat->flags & FLAG_EXITING);
}

bool process_doomed(pid_t pid)
{
    static const char *const fields[] = {"\nSigPnd:", "\nShdPnd:"};
    char text[4096];
    if (read_proc(pid, "status", text, sizeof text) <= 0)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const char *at = strstr(text, fields[i]);
        if (at && strtoull(at + strlen(fields[i]), NULL, 16) & UINT64_C(1) << (SIGKILL - 1))
            return true;
    }
    return false;
}

static bool is_descendant(const struct proctree *tree, pid_t pid)
{
    struct process_stat stat;
    for (int depth = 0; depth < DEPTH_MAX && pid > 1; depth++) {
        if (process_stat(pid, &stat) < 0)
            return false;
        if (stat.parent == tree->self)
            return true;
        pid = stat.parent;
    }
    return false;
}

bool proctree_signal(const struct proctree *tree, pid_t pid, int signo)
{
    /* Hold the process first: a number that was checked could be another's a moment later. */
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0 && errno == ESRCH)
        return false;
    if (!is_descendant(tree, pid))
        return false;
    if (pidfd < 0)
        return kill(pid, signo) == 0;
    return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == 0;
}

/* The command line, its bytes as they are, since it is to be masked yet; the name of what has
 * none. */
static void command_line(pid_t pid, char *text, size_t size)
{
    ssize_t n = read_proc(pid, "cmdline", text, size);
    bool cut = n == (ssize_t)size - 1;
    while (n > 0 && text[n - 1] == '\0')
        n--;
    if (n <= 0) {
        n = read_proc(pid, "comm", text, size);
        while (n > 0 && text[n - 1] == '\n')
            text[--n] = '\0';
    }
    for (ssize_t i = 0; i < n; i++)
        text[i] = text[i] == '\0' ? ' ' : text[i];
    if (cut)
        text[n - 1] = PROCESS_CUT;
}

void process_describe(char *text, size_t size, pid_t pid, bool stuck)
{
    static const char more[] = ", ...";
    char line[64], wchan[64] = "", one[192];
    struct process_stat stat = {.state = '?'};
    command_line(pid, line, sizeof line);
    if (stuck) {
        process_stat(pid, &stat);
        read_proc(pid, "wchan", wchan, sizeof wchan);
        snprintf(one, sizeof one, "pid %d state %c wchan %s %s", (int)pid, stat.state,
                 *wchan ? wchan : "?", line);
    } else {
        snprintf(one, sizeof one, "pid %d %s", (int)pid, line);
    }
    size_t length = strlen(text);
    const char *comma = length > 0 ? ", " : "";
    if (length + strlen(comma) + strlen(one) + sizeof more <= size)
        snprintf(text + length, size - length, "%s%s", comma, one);
    else if (length >= 3 && strcmp(text + length - 3, "...") != 0)
        snprintf(text + length, size - length, "%s", more);
}
