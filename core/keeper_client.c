/* SPDX-License-Identifier: MIT
 *
 * The runner's side of keeper and hands.
 */
#include "cgroup.h"
#include "hand.h"
#include "keeper.h"
#include "marker.h"
#include "proctree.h"
#include "safeguard.h"
#include "util.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELLO_MS 10000
#define ROOM_MS  1000

static void forget(struct keeper *keeper)
{
    close(keeper->fd);
    keeper->fd = -1;
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    keeper->pid = -1;
}

static int wait_hello(struct keeper *keeper)
{
    struct wire_hello hello;
    struct pollfd fd = {keeper->fd, POLLIN, 0};
    int ready;
    do {
        ready = poll(&fd, 1, HELLO_MS);
    } while (ready < 0 && errno == EINTR);
    ssize_t got = -1;
    while (ready > 0 && (got = recv(keeper->fd, &hello, sizeof hello, 0)) < 0 && errno == EINTR)
        continue;
    if (got == (ssize_t)sizeof hello && hello.error == 0) {
        memcpy(keeper->cgroup, hello.cgroup, sizeof keeper->cgroup);
        return 0;
    }
    int error = got == (ssize_t)sizeof hello ? hello.error : EPIPE;
    if (ready == 0)
        kill(keeper->pid, SIGKILL);
    forget(keeper);
    errno = error;
    return -1;
}

/* No handler of the runner may run in the keeper, and no Ctrl-C may hit it before its setsid. */
static pid_t fork_keeper(int fd, unsigned flags)
{
    sigset_t all, old;
    pid_t runner = getpid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    pid_t pid = fork();
    if (pid == 0)
        keeper_main(fd, flags, runner);
    int error = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    errno = error;
    return pid;
}

int keeper_start_with(struct keeper *keeper, unsigned flags)
{
    int pair[2];
    *keeper = (struct keeper){.pid = -1, .fd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    /* Room for hundreds of hand_open() in a row; what the kernel allows is enough. */
    int room = 1 << 20;
    if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) < 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    keeper->fd = pair[0];
    keeper->pid = fork_keeper(pair[1], flags);
    int error = errno;
    close(pair[1]);
    if (keeper->pid < 0) {
        close(keeper->fd);
        keeper->fd = -1;
        errno = error;
        return -1;
    }
    return wait_hello(keeper);
}

int keeper_start(struct keeper *keeper)
{
    return keeper_start_with(keeper, 0);
}

/* Whether `pid` has ended, waiting until `end`. */
static bool wait_end(pid_t pid, uint64_t end)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    for (;;) {
        pid_t got = waitpid(pid, NULL, WNOHANG);
        if (got == pid || (got < 0 && errno == ECHILD && kill(pid, 0) < 0))
            return true;
        uint64_t now = clock_mono_ns();
        if (now >= end)
            return false;
        /* Where there is no pidfd, look every 5 ms. */
        struct pollfd fd = {pidfd, POLLIN, 0};
        uint64_t ms = (end - now) / NS_PER_MS + 1;
        poll(&fd, 1, pidfd < 0 ? 5 : ms > 1000 ? 1000 : (int)ms);
    }
}

void keeper_wake(const struct keeper *keeper)
{
    siginfo_t info = {0};
    if (keeper->pid > 0 && waitid(P_PID, (id_t)keeper->pid, &info, WSTOPPED | WNOHANG) == 0 &&
        info.si_pid == keeper->pid)
        kill(keeper->pid, SIGCONT);
}

int keeper_finish(struct keeper *keeper, uint64_t timeout_ns)
{
    if (keeper->pid <= 0)
        return 0;
    if (keeper->fd >= 0)
        close(keeper->fd);
    keeper->fd = -1;
    if (!wait_end(keeper->pid, clock_mono_ns() + timeout_ns))
        return -1;
    keeper->pid = -1;
    return 0;
}

int keeper_reap_cgroup(const char *path, pid_t runner, uint64_t start, unsigned patience_ms,
                       unsigned *processes)
{
    pid_t pid;
    uint64_t since;
    *processes = 0;
    if (!cgroup_folder_runner(path, &pid, &since) || pid != runner || since != start) {
        errno = EINVAL;
        return -1;
    }
    if (access(path, F_OK) < 0)
        return errno == ENOENT ? 0 : -1;
    *processes = cgroup_count(path);
    return cgroup_remove(path, patience_ms) < 0 ? -1 : 1;
}

unsigned keeper_reap_marker(const char *marker, uint64_t start, unsigned patience_ms)
{
    return marker_kill_all(marker, start, patience_ms);
}

unsigned keeper_reap_empty_cgroups(void)
{
    return cgroup_remove_empty();
}

/* Linux says ECONNRESET where the other end died before it had read all. */
static int told(int rc)
{
    if (rc < 0 && (errno == ECONNRESET || errno == ENOTCONN))
        errno = EPIPE;
    return rc;
}

static int send_socket(int control, int sock)
{
    struct iovec iov = {(char[]){'h'}, 1};
    struct pollfd room = {control, POLLOUT, 0};
    for (int tries = 0; tries < 2; tries++) {
        if (wire_send(control, &iov, 1, &sock, 1, MSG_DONTWAIT) == 0)
            return 0;
        /* Hundreds were asked for at once: the keeper takes one in less than a millisecond. */
        if (errno != EAGAIN || poll(&room, 1, ROOM_MS) <= 0)
            return -1;
    }
    return -1;
}

unsigned keeper_end_strays(void)
{
    struct proctree tree;
    struct pid_list pids = {0};
    unsigned killed = 0;
    uint64_t limit = clock_mono_ns() + 2 * NS_PER_S;
    if (!SAFEGUARD(runner_kills_strays) || proctree_open(&tree) < 0)
        return 0;
    do {
        pid_list_clear(&pids);
        proctree_children(&tree, &pids);
        for (size_t i = 0; i < pids.n; i++)
            killed +=
                kill(pids.v[i], SIGKILL) == 0 && waitpid(pids.v[i], NULL, WNOHANG) == pids.v[i];
        if (pids.n > 0)
            (void)poll(NULL, 0, 1);
    } while (pids.n > 0 && clock_mono_ns() < limit);
    pid_list_free(&pids);
    proctree_close(&tree);
    return killed;
}

int hand_open(struct keeper *keeper, struct hand *hand)
{
    int pair[2];
    hand->fd = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    int rc = told(send_socket(keeper->fd, pair[1]));
    int error = errno;
    close(pair[1]);
    if (rc < 0) {
        close(pair[0]);
        errno = error;
        return -1;
    }
    hand->fd = pair[0];
    return 0;
}

void hand_close(struct hand *hand)
{
    if (hand->fd >= 0)
        close(hand->fd);
    hand->fd = -1;
}

int hand_start(struct hand *hand, const struct hand_request *request)
{
    return told(wire_send_start(hand->fd, request));
}

static int send_order(struct hand *hand, struct wire_order message)
{
    struct iovec iov = {&message, sizeof message};
    return told(wire_send(hand->fd, &iov, 1, NULL, 0, MSG_DONTWAIT));
}

int hand_order(struct hand *hand, uint64_t id, enum hand_order order, int signo)
{
    return send_order(
        hand,
        (struct wire_order){.kind = WIRE_ORDER, .order = (int32_t)order, .signo = signo, .id = id});
}

int hand_begin(struct hand *hand, uint64_t id, uint64_t at_ns)
{
    return send_order(hand, (struct wire_order){
                                .kind = WIRE_ORDER, .order = HAND_BEGIN, .id = id, .at_ns = at_ns});
}

int hand_receive(struct hand *hand, struct hand_event *event)
{
    ssize_t got;
    /* ECONNRESET comes once, where the other end went without reading all; what it had sent before
     * comes after it. */
    do {
        got = recv(hand->fd, event, sizeof *event, MSG_DONTWAIT);
    } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= (ssize_t)offsetof(struct hand_event, text))
        return -1;
    event->text[HAND_TEXT_MAX - 1] = '\0';
    return 1;
}
