/* SPDX-License-Identifier: MIT */
#include "spawn.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child works with: made before clone, because it shares the memory of a blocked parent
 * and must not allocate. */
struct birth {
    const struct spawn *spawn;
    char *paths; /* candidates for execve, each with its NUL, an empty one at the end */
    pid_t parent;
};

/* No instrumentation: the child runs on a small stack in its parent's memory. */
#define IN_CHILD __attribute__((no_sanitize("address", "undefined")))

IN_CHILD static _Noreturn void child_fail(struct spawn_slot *slot, enum hand_where where, int error)
{
    slot->where = (int32_t)where;
    slot->error = error;
    _exit(127);
}

IN_CHILD static void child_set_oom_score(const char *score)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t ignored = write(fd, score, strlen(score));
    (void)ignored;
    close(fd);
}

/* As execvp, but never by /bin/sh: a file without a known format is an error. */
IN_CHILD static int child_exec(const struct birth *birth)
{
    bool denied = false;
    int error = ENOENT;
    for (const char *path = birth->paths; *path; path += strlen(path) + 1) {
        execve(path, birth->spawn->argv, birth->spawn->env);
        error = errno;
        if (error == ENOEXEC && !SAFEGUARD(no_shell_for_texts))
            execle("/bin/sh", "sh", path, NULL, birth->spawn->env);
        if (error == EACCES)
            denied = true;
        else if (error != ENOENT && error != ENOTDIR && error != ESTALE && error != ENODEV &&
                 error != ETIMEDOUT)
            return error;
    }
    return denied ? EACCES : error;
}

static enum hand_where exec_where(int error)
{
    if (error == E2BIG)
        return HAND_WHERE_ARGUMENTS;
    return error == EAGAIN || error == ENOMEM ? HAND_WHERE_FORK : HAND_WHERE_PROGRAM;
}

IN_CHILD static int child_main(void *data)
{
    const struct birth *birth = data;
    const struct spawn *spawn = birth->spawn;
    struct spawn_slot *slot = spawn->slot;
    atomic_store(&slot->pid, getpid());
    /* The hand may have died before the prctl. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        (getppid() != birth->parent && SAFEGUARD(parent_is_looked_at)))
        _exit(127);
    if (SAFEGUARD(own_session))
        setsid();
    if (spawn->cgroup_fd >= 0)
        slot->in_cgroup = write(spawn->cgroup_fd, "0", 1) == 1;
    if (spawn->oom_score && SAFEGUARD(first_to_go))
        child_set_oom_score(spawn->oom_score);
    if (SAFEGUARD(usual_priority))
        priority_restore(spawn->usual);
    if (spawn->cwd && chdir(spawn->cwd) < 0)
        child_fail(slot, SAFEGUARD(folder_is_told) ? HAND_WHERE_CWD : HAND_WHERE_PROGRAM, errno);
    for (int i = 0; i < 3; i++) {
        if (dup2(spawn->fds[i], i) < 0)
            child_fail(slot, HAND_WHERE_FORK, errno);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int error = child_exec(birth);
    child_fail(slot, exec_where(error), error);
}

static const char *path_of(char *const *env)
{
    for (; *env; env++) {
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    }
    return "/usr/local/bin:/usr/bin:/bin";
}

/* All files that `program` may mean. NULL with errno. */
static char *candidates(const char *program, const char *path)
{
    size_t length = strlen(program);
    if (strchr(program, '/') || length == 0)
        path = "";
    size_t entries = 1;
    for (const char *p = path; *p; p++)
        entries += *p == ':';
    char *list = malloc(strlen(path) + entries * (length + 3) + 1);
    if (!list)
        return NULL;
    char *out = list;
    if (!*path && length > 0)
        out = mempcpy(out, program, length + 1);
    while (*path) {
        size_t n = strcspn(path, ":");
        out = n > 0 ? mempcpy(out, path, n) : mempcpy(out, ".", 1);
        *out++ = '/';
        out = mempcpy(out, program, length + 1);
        path += n;
        if (*path == ':' && !*++path) /* an empty entry at the end is the folder itself */
            out = mempcpy(mempcpy(out, "./", 2), program, length + 1);
    }
    *out = '\0';
    return list;
}

static void slot_open(struct spawn_slot *slot)
{
    atomic_store(&slot->pid, 0);
    atomic_store(&slot->hung, 0);
    slot->where = HAND_WHERE_NONE;
    slot->error = 0;
    slot->in_cgroup = 0;
    atomic_store(&slot->since_ns, clock_mono_ns());
}

/* The child never came to its exec: collect it. */
static pid_t collect(pid_t pid, enum hand_where *where, enum hand_where reason, int error)
{
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        continue;
    *where = reason;
    errno = error;
    return -1;
}

pid_t spawn_command(const struct spawn *spawn, enum hand_where *where)
{
    struct spawn_slot *slot = spawn->slot;
    *where = HAND_WHERE_FORK;
    AUTO_FREE char *paths = candidates(spawn->argv[0], path_of(spawn->env));
    if (!paths)
        return -1;
    struct birth birth = {spawn, paths, getpid()};
    slot_open(slot);
    pid_t pid = clone(child_main, (char *)spawn->stack + SPAWN_STACK,
                      CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);
    int error = errno;
    atomic_store(&slot->since_ns, 0);
    if (pid < 0) {
        errno = error;
        return -1;
    }
    if (slot->error)
        return collect(pid, where, (enum hand_where)slot->where, slot->error);
    if (atomic_load(&slot->hung))
        return collect(pid, where, HAND_WHERE_EXEC_HUNG, ETIMEDOUT);
    *where = HAND_WHERE_NONE;
    return pid;
}

void spawn_kill_hung(struct spawn_slot *slot, uint64_t limit_ns)
{
    uint64_t since = atomic_load(&slot->since_ns);
    pid_t pid = atomic_load(&slot->pid);
    if (since == 0 || since > limit_ns || pid <= 0)
        return;
    /* The number could be another's by now, so hold the process first and then look again. */
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (atomic_load(&slot->since_ns) != since || atomic_load(&slot->pid) != pid)
        return;
    atomic_store(&slot->hung, 1);
    if (pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    else
        kill(pid, SIGKILL);
}

static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(b, "=");
    return strncmp(a, b, length) == 0 && a[length] == '=';
}

static bool changed(const char *assignment, char *const *changes)
{
    for (; *changes; changes++) {
        if (same_name(assignment, *changes))
            return true;
    }
    return false;
}

static size_t count(char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

char **spawn_environment(char *const *base, char *const *changes)
{
    size_t n = 0;
    char **env = calloc(count(base) + count(changes) + 1, sizeof *env);
    if (!env)
        return NULL;
    for (; *base; base++) {
        if (!changed(*base, changes))
            env[n++] = *base;
    }
    for (; *changes; changes++) {
        if (strchr(*changes, '='))
            env[n++] = *changes;
    }
    return env;
}
