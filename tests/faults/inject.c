/* SPDX-License-Identifier: MIT
 *
 * For LD_PRELOAD: makes chosen calls of ciplug fail. Active in the program that INJECT_EXE names
 * and in its forks (keeper, hands); it takes itself out of the environment, so that commands are
 * left alone. tests/lib/inject.py tells it what to do:
 *
 *     INJECT_STATE   file of sizeof(struct state): what was counted and done
 *     INJECT_CALLS   functions, separated by spaces; unset: only count all
 *     INJECT_ROLE    runner, keeper or hand; unset: all
 *     INJECT_PATH    only calls about a file whose path holds this
 *     INJECT_AT      the first call that fails, 1 for the first that matches; 0: only count
 *     INJECT_COUNT   how many fail in a row from there on; 0: all
 *     INJECT_ERRNO   what they fail with
 *     INJECT_SHORT   writes are cut to half instead, where they can be
 *     INJECT_DELAY   milliseconds that they take instead, and then work
 */
#undef _FORTIFY_SOURCE /* it makes macros and inline functions of what is defined here */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAMES     16
#define TEXT       512
#define CALLS_MOST 100

/* What the driver reads; offsets are known to tests/lib/inject.py. */
struct state {
    atomic_uint_least64_t calls;    /* that matched */
    atomic_uint_least64_t injected; /* that were made to fail */
    atomic_uint_least32_t crashed;  /* the signal of the first process that crashed */
    atomic_uint_least32_t loaded;   /* the shim was active */
    char where[TEXT];               /* the first injected call: function, role, path; frames */
    char crash[TEXT];               /* where it crashed */
    char cgroup[TEXT];              /* the folder that the keeper made */
    atomic_uint_least64_t all[3]
                             [CALLS_MOST]; /* of runner, keeper, hand, when INJECT_CALLS is unset */
};

#define CALLS(X)                                                                                   \
    X(malloc)                                                                                      \
    X(calloc)                                                                                      \
    X(realloc)                                                                                     \
    X(write)                                                                                       \
    X(writev)                                                                                      \
    X(pwrite)                                                                                      \
    X(pwrite64) X(read) X(readv) X(pread) X(pread64) X(recv) X(recvmsg) X(sendmsg) X(open)         \
        X(open64) X(openat) X(openat64) X(fopen) X(fopen64) X(opendir) X(fdopendir) X(close)       \
            X(fsync) X(fdatasync) X(fallocate) X(ftruncate) X(ftruncate64) X(rename) X(renameat)   \
                X(mkdir) X(mkdirat) X(symlinkat) X(unlink) X(unlinkat) X(rmdir) X(pipe2)           \
                    X(socketpair) X(eventfd) X(signalfd) X(epoll_create1) X(epoll_ctl)             \
                        X(memfd_create) X(mmap) X(clone) X(fork) X(pthread_create) X(dup2) X(dup3) \
                            X(fcntl) X(fcntl64) X(setsockopt) X(setsid) X(chdir) X(execve) X(poll) \
                                X(ppoll) X(epoll_pwait) X(waitpid) X(waitid) X(flock) X(stat)      \
                                    X(fstat) X(lstat) X(fstatat) X(readlink) X(realpath) X(getcwd) \
                                        X(sigaction)

enum call {
#define X(name) CALL_##name,
    CALLS(X)
#undef X
        N_CALLS
};

static const char *const names[N_CALLS] = {
#define X(name) #name,
    CALLS(X)
#undef X
};

static struct {
    bool active;
    bool count_all;
    bool wanted[N_CALLS];
    struct state *state;
    char role[16], path[256];
    uint64_t at, count;
    int error;
    bool cut;
    unsigned delay_ms;
} shim;

static void *real[N_CALLS];
static _Thread_local bool inside; /* the shim's own calls are not counted */

static void *look_up(enum call call)
{
    if (!real[call]) {
        bool was = inside;
        inside = true;
        real[call] = dlsym(RTLD_NEXT, names[call]);
        inside = was;
    }
    return real[call];
}

#define REAL(name) ((__typeof__(&name))look_up(CALL_##name))

static void get_role(char *role)
{
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    const char *found = strcmp(name, "ci-keeper") == 0 ? "keeper"
                        : strcmp(name, "ci-hand") == 0 ? "hand"
                                                       : "runner";
    memcpy(role, found, strlen(found) + 1);
}

static size_t put(char *text, size_t at, const char *more)
{
    while (*more && at < TEXT - 1)
        text[at++] = *more++;
    text[at] = '\0';
    return at;
}

static size_t put_number(char *text, size_t at, uint64_t number, unsigned base)
{
    char digits[24];
    size_t n = sizeof digits;
    digits[--n] = '\0';
    do {
        digits[--n] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    return put(text, at, digits + n);
}

/* As object+offset: what addr2line takes. */
static size_t put_frames(char *text, size_t at, int skip)
{
    void *frames[FRAMES];
    int n = backtrace(frames, FRAMES);
    for (int i = skip; i < n; i++) {
        Dl_info info;
        if (!dladdr(frames[i], &info) || !info.dli_fname)
            continue;
        const char *slash = strrchr(info.dli_fname, '/');
        at = put(text, at, " ");
        at = put(text, at, slash ? slash + 1 : info.dli_fname);
        at = put(text, at, "+0x");
        at = put_number(text, at, (uint64_t)((char *)frames[i] - (char *)info.dli_fbase), 16);
    }
    return at;
}

static bool path_of(int fd, char *path)
{
    char link[48];
    size_t at = put(link, 0, "/proc/self/fd/");
    put_number(link, at, (uint64_t)(unsigned)fd, 10);
    ssize_t n = REAL(readlink)(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = '\0';
    return n >= 0;
}

static void note(enum call call, const char *role, const char *path, uint64_t number)
{
    if (atomic_fetch_add(&shim.state->injected, 1) > 0)
        return;
    char *text = shim.state->where;
    size_t at = put(text, 0, names[call]);
    at = put(text, at, " #");
    at = put_number(text, at, number, 10);
    at = put(text, at, " of ");
    at = put(text, at, role);
    at = put(text, at, " ");
    at = put(text, at, path && *path ? path : "-");
    put_frames(text, at, 3);
}

/* Whether this call is to fail, or was delayed (then false). */
static bool hit(enum call call, const char *path, int fd)
{
    if (!shim.active || inside || !(shim.wanted[call] || shim.count_all))
        return false;
    int saved = errno;
    char role[16], opened[PATH_MAX];
    inside = true;
    bool fails = false;
    get_role(role);
    if (shim.count_all) {
        atomic_fetch_add(&shim.state->all[*role == 'r' ? 0 : *role == 'k' ? 1 : 2][call], 1);
        goto out;
    }
    if (*shim.role && strcmp(role, shim.role) != 0)
        goto out;
    if (!path && fd >= 0)
        path = path_of(fd, opened) ? opened : "";
    if (*shim.path && (!path || !strstr(path, shim.path)))
        goto out;
    uint64_t number = atomic_fetch_add(&shim.state->calls, 1) + 1;
    if (shim.at == 0 || number < shim.at || (shim.count && number >= shim.at + shim.count))
        goto out;
    note(call, role, path, number);
    if (shim.delay_ms) {
        const struct timespec wait = {shim.delay_ms / 1000, shim.delay_ms % 1000 * 1000000L};
        nanosleep(&wait, NULL);
    } else {
        fails = true;
    }
out:
    inside = false;
    errno = fails ? shim.error : saved;
    return fails;
}

/* libuv's pipe to itself. */
#define LIBRARY_FDS 1024
static bool library_pipe[LIBRARY_FDS];

static void mark_pipe(int fd, bool internal)
{
    if (fd >= 0 && fd < LIBRARY_FDS)
        library_pipe[fd] = internal;
}

/* Files, pipes, sockets, terminals. An eventfd, a signalfd and a library's pipe to itself fail in
 * no such way. */
static bool may_fail(int fd)
{
    struct stat st;
    if (!shim.active || inside || (fd >= 0 && fd < LIBRARY_FDS && library_pipe[fd]))
        return false;
    int saved = errno;
    bool may = REAL(fstat)(fd, &st) == 0 && (st.st_mode & S_IFMT) != 0;
    errno = saved;
    return may;
}

/* --- where a process crashes --- */

static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};

static bool is_crash(int signo)
{
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        if (crashes[i] == signo)
            return true;
    }
    return false;
}

static void on_crash(int signo)
{
    uint_least32_t none = 0;
    inside = true;
    if (atomic_compare_exchange_strong(&shim.state->crashed, &none, (uint_least32_t)signo)) {
        char role[16];
        get_role(role);
        size_t at = put(shim.state->crash, 0, role);
        put_frames(shim.state->crash, at, 1);
    }
    raise(signo); /* SA_RESETHAND: now it is fatal */
}

static void watch_crashes(void)
{
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        REAL(sigaction)(crashes[i], &action, NULL);
}

/* ciplug gives every signal its default; ours stay. Commands get the default at exec. */
int sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    if (shim.active && action && is_crash(signo)) {
        if (old)
            *old = (struct sigaction){.sa_handler = SIG_DFL};
        return 0;
    }
    return REAL(sigaction)(signo, action, old);
}

/* --- the start --- */

static uint64_t number_of(const char *name)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : 0;
}

static void copy_env(char *to, size_t size, const char *name)
{
    const char *value = getenv(name);
    snprintf(to, size, "%s", value ? value : "");
}

static void want(const char *calls)
{
    char copy[1024], *save = NULL;
    snprintf(copy, sizeof copy, "%s", calls);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        for (int i = 0; i < N_CALLS; i++)
            shim.wanted[i] |= strcmp(names[i], word) == 0;
    }
}

static bool is_meant(void)
{
    char self[PATH_MAX];
    const char *meant = getenv("INJECT_EXE");
    ssize_t n = REAL(readlink)("/proc/self/exe", self, sizeof self - 1);
    self[n < 0 ? 0 : n] = '\0';
    return n > 0 && meant && strcmp(self, meant) == 0;
}

static bool open_state(const char *path)
{
    int fd = path ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    void *map = REAL(mmap)(NULL, sizeof *shim.state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REAL(close)(fd);
    shim.state = map == MAP_FAILED ? NULL : map;
    return shim.state;
}

__attribute__((constructor)) static void begin(void)
{
    static const char *const variables[] = {
        "LD_PRELOAD", "INJECT_EXE",   "INJECT_STATE", "INJECT_CALLS", "INJECT_ROLE", "INJECT_PATH",
        "INJECT_AT",  "INJECT_COUNT", "INJECT_ERRNO", "INJECT_SHORT", "INJECT_DELAY"};
    if (!is_meant() || !open_state(getenv("INJECT_STATE")))
        return;
    for (int i = 0; i < N_CALLS; i++)
        look_up((enum call)i);
    const char *calls = getenv("INJECT_CALLS");
    shim.count_all = !calls;
    want(calls ? calls : "");
    copy_env(shim.role, sizeof shim.role, "INJECT_ROLE");
    copy_env(shim.path, sizeof shim.path, "INJECT_PATH");
    shim.at = number_of("INJECT_AT");
    shim.count = number_of("INJECT_COUNT");
    shim.error = (int)number_of("INJECT_ERRNO");
    shim.cut = number_of("INJECT_SHORT") > 0;
    shim.delay_ms = (unsigned)number_of("INJECT_DELAY");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    void *frame[1];
    backtrace(frame, 1); /* loads what it needs now */
    watch_crashes();
    atomic_store(&shim.state->loaded, 1);
    shim.active = true;
}

/* --- memory: libc's own names, because dlsym() allocates --- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return hit(CALL_malloc, NULL, -1) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return hit(CALL_calloc, NULL, -1) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return hit(CALL_realloc, NULL, -1) ? NULL : __libc_realloc(old, size);
}

/* --- bytes --- */

/* What remains of a write that is cut; 0: it fails. */
static size_t cut(size_t length)
{
    return shim.cut && length > 1 ? length / 2 : 0;
}

#define WRITES(name, PARAMS, ARGS, CUT_ARGS)                                                       \
    ssize_t name PARAMS                                                                            \
    {                                                                                              \
        if (!may_fail(fd) || !hit(CALL_##name, NULL, fd))                                          \
            return REAL(name) ARGS;                                                                \
        int error = errno;                                                                         \
        size_t some = cut(length);                                                                 \
        if (some > 0)                                                                              \
            return REAL(name) CUT_ARGS;                                                            \
        errno = error;                                                                             \
        return -1;                                                                                 \
    }

WRITES(write, (int fd, const void *data, size_t length), (fd, data, length), (fd, data, some))
WRITES(pwrite, (int fd, const void *data, size_t length, off_t at), (fd, data, length, at),
       (fd, data, some, at))
WRITES(pwrite64, (int fd, const void *data, size_t length, off64_t at), (fd, data, length, at),
       (fd, data, some, at))

ssize_t writev(int fd, const struct iovec *iov, int n)
{
    if (!may_fail(fd) || !hit(CALL_writev, NULL, fd))
        return REAL(writev)(fd, iov, n);
    int error = errno;
    if (n > 0 && cut(iov->iov_len) > 0)
        return REAL(write)(fd, iov->iov_base, cut(iov->iov_len));
    errno = error;
    return -1;
}

#define ON_FD(type, name, PARAMS, ARGS, FAILED)                                                    \
    type name PARAMS                                                                               \
    {                                                                                              \
        return may_fail(fd) && hit(CALL_##name, NULL, fd) ? FAILED : REAL(name) ARGS;              \
    }

ON_FD(ssize_t, read, (int fd, void *data, size_t length), (fd, data, length), -1)
ON_FD(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n), -1)
ON_FD(ssize_t, pread, (int fd, void *data, size_t length, off_t at), (fd, data, length, at), -1)
ON_FD(ssize_t, pread64, (int fd, void *data, size_t length, off64_t at), (fd, data, length, at), -1)
ON_FD(ssize_t, recv, (int fd, void *data, size_t length, int flags), (fd, data, length, flags), -1)
ON_FD(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1)
ON_FD(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1)
ON_FD(int, fsync, (int fd), (fd), -1)
ON_FD(int, fdatasync, (int fd), (fd), -1)
ON_FD(int, fallocate, (int fd, int mode, off_t at, off_t length), (fd, mode, at, length), -1)
ON_FD(int, ftruncate, (int fd, off_t length), (fd, length), -1)
ON_FD(int, ftruncate64, (int fd, off64_t length), (fd, length), -1)
ON_FD(DIR *, fdopendir, (int fd), (fd), NULL)
ON_FD(int, fstat, (int fd, struct stat *st), (fd, st), -1)
ON_FD(int, flock, (int fd, int what), (fd, what), -1)
ON_FD(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
      (fd, level, name, value, length), -1)

/* Linux closes it, whatever it returns. */
int close(int fd)
{
    bool fails = may_fail(fd) && hit(CALL_close, NULL, fd);
    int error = errno;
    mark_pipe(fd, false);
    int result = REAL(close)(fd);
    if (!fails)
        return result;
    errno = error;
    return -1;
}

/* --- files --- */

#define ON_PATH(type, name, PARAMS, ARGS, FAILED)                                                  \
    type name PARAMS                                                                               \
    {                                                                                              \
        return hit(CALL_##name, path, -1) ? FAILED : REAL(name) ARGS;                              \
    }

#define OPENS(name, PARAMS, LAST, ARGS)                                                            \
    int name PARAMS                                                                                \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, LAST);                                                                      \
        mode_t mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(list, mode_t) : 0;   \
        va_end(list);                                                                              \
        return hit(CALL_##name, path, -1) ? -1 : REAL(name) ARGS;                                  \
    }

OPENS(open, (const char *path, int flags, ...), flags, (path, flags, mode))
OPENS(open64, (const char *path, int flags, ...), flags, (path, flags, mode))
OPENS(openat, (int folder, const char *path, int flags, ...), flags, (folder, path, flags, mode))
OPENS(openat64, (int folder, const char *path, int flags, ...), flags, (folder, path, flags, mode))
ON_PATH(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
ON_PATH(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL)
ON_PATH(DIR *, opendir, (const char *path), (path), NULL)
ON_PATH(int, rename, (const char *path, const char *to), (path, to), -1)
ON_PATH(int, renameat, (int a, const char *path, int b, const char *to), (a, path, b, to), -1)
ON_PATH(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), -1)
ON_PATH(int, symlinkat, (const char *target, int folder, const char *path), (target, folder, path),
        -1)
ON_PATH(int, unlink, (const char *path), (path), -1)
ON_PATH(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), -1)
ON_PATH(int, rmdir, (const char *path), (path), -1)
ON_PATH(int, stat, (const char *path, struct stat *st), (path, st), -1)
ON_PATH(int, lstat, (const char *path, struct stat *st), (path, st), -1)
ON_PATH(int, fstatat, (int folder, const char *path, struct stat *st, int flags),
        (folder, path, st, flags), -1)
ON_PATH(ssize_t, readlink, (const char *path, char *buf, size_t size), (path, buf, size), -1)
ON_PATH(char *, realpath, (const char *path, char *out), (path, out), NULL)
ON_PATH(int, chdir, (const char *path), (path), -1)
ON_PATH(int, execve, (const char *path, char *const argv[], char *const env[]), (path, argv, env),
        -1)

int mkdir(const char *path, mode_t mode)
{
    if (hit(CALL_mkdir, path, -1))
        return -1;
    int result = REAL(mkdir)(path, mode);
    if (shim.active && result == 0 && strstr(path, "/ciplug-") && !*shim.state->cgroup)
        put(shim.state->cgroup, 0, path);
    return result;
}

/* --- the rest --- */

#define PLAIN(type, name, PARAMS, ARGS, FAILED)                                                    \
    type name PARAMS                                                                               \
    {                                                                                              \
        return hit(CALL_##name, NULL, -1) ? FAILED : REAL(name) ARGS;                              \
    }

PLAIN(char *, getcwd, (char *buf, size_t size), (buf, size), NULL)
PLAIN(int, socketpair, (int domain, int type, int protocol, int fds[2]),
      (domain, type, protocol, fds), -1)
PLAIN(int, eventfd, (unsigned value, int flags), (value, flags), -1)
PLAIN(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), -1)
PLAIN(int, epoll_create1, (int flags), (flags), -1)
PLAIN(int, epoll_ctl, (int set, int what, int fd, struct epoll_event *event),
      (set, what, fd, event), -1)
PLAIN(int, epoll_pwait, (int set, struct epoll_event *events, int n, int ms, const sigset_t *mask),
      (set, events, n, ms, mask), -1)
PLAIN(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1)
PLAIN(void *, mmap, (void *at, size_t length, int access, int flags, int fd, off_t offset),
      (at, length, access, flags, fd, offset), MAP_FAILED)
PLAIN(pid_t, fork, (void), (), -1)
PLAIN(int, dup2, (int fd, int to), (fd, to), -1)
PLAIN(int, dup3, (int fd, int to, int flags), (fd, to, flags), -1)
PLAIN(pid_t, setsid, (void), (), -1)
PLAIN(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), -1)
PLAIN(int, ppoll,
      (struct pollfd * fds, nfds_t n, const struct timespec *wait, const sigset_t *mask),
      (fds, n, wait, mask), -1)
PLAIN(pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags), -1)
PLAIN(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int flags), (type, id, info, flags),
      -1)

int pipe2(int fds[2], int flags)
{
    /* libuv aborts without its first pipe, which is made where nothing else is yet. */
    Dl_info caller;
    bool library = dladdr(__builtin_return_address(0), &caller) && caller.dli_fname &&
                   strstr(caller.dli_fname, "/libuv.");
    if (!library && hit(CALL_pipe2, NULL, -1))
        return -1;
    int result = REAL(pipe2)(fds, flags);
    for (int i = 0; result == 0 && i < 2; i++)
        mark_pipe(fds[i], library);
    return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                   void *data)
{
    return hit(CALL_pthread_create, NULL, -1) ? errno
                                              : REAL(pthread_create)(thread, attr, start, data);
}

int clone(int (*start)(void *), void *stack, int flags, void *data, ...)
{
    return hit(CALL_clone, NULL, -1) ? -1 : REAL(clone)(start, stack, flags, data);
}

#define FCNTLS(name)                                                                               \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, command);                                                                   \
        void *argument = va_arg(list, void *);                                                     \
        va_end(list);                                                                              \
        return hit(CALL_##name, NULL, fd) ? -1 : REAL(name)(fd, command, argument);                \
    }
FCNTLS(fcntl)
FCNTLS(fcntl64)
