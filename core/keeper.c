/* SPDX-License-Identifier: MIT
 *
 * The keeper's process: it forks hands, and ends what a hand that died has left.
 */
#include "keeper.h"
#include "hand.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANDS_MAX   4096
#define EXEC_NS     (5 * NS_PER_S)
#define REAP_MAX    64
#define EXEC_END_NS (NS_PER_S / 2) /* once the runner has gone */

struct hands {
    int control;
    int signal_fd;
    bool gone;      /* the runner is */
    bool orphans;   /* a hand died, its children may be ours */
    unsigned round; /* of killing them */
    unsigned count;
    pid_t pid[HANDS_MAX]; /* 0: free */
    struct spawn_slot *slots;
    struct priority usual; /* of commands */
    struct proctree tree;
    struct pid_list pids;
    char cgroup[KEEPER_CGROUP_MAX];
};

static void default_signals(void)
{
    struct sigaction old, none = {.sa_handler = SIG_DFL};
    for (int signo = 1; signo < NSIG; signo++) {
        if (signo == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler == SIG_IGN &&
            SAFEGUARD(commands_stay_deaf_to_hangup))
            continue; /* nohup */
        if (signo == SIGPIPE && !SAFEGUARD(default_sigpipe))
            continue;
        if (signo == SIGXFSZ && !SAFEGUARD(default_signals))
            continue;
        if (sigaction(signo, &none, NULL) == 0)
            continue;
        /* glibc keeps 32 and 33 for itself, and its posix_spawn (so make) leaves them ignored. */
        static const unsigned char kernel_default[64];
        (void)syscall(SYS_rt_sigaction, signo, kernel_default, NULL, (size_t)8);
    }
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static int close_above(int fd)
{
#ifdef HAVE_CLOSE_RANGE
    if (close_range((unsigned)fd + 1, ~0U, 0) == 0)
        return 0;
#endif
    long most = sysconf(_SC_OPEN_MAX);
    for (long i = fd + 1; i < most; i++)
        close((int)i);
    return 0;
}

/* 0, 1, 2 become /dev/null, `control` becomes 3, nothing else stays. */
static int own_descriptors(int control)
{
    int high = fcntl(control, F_DUPFD_CLOEXEC, 10);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (high < 0 || null < 0)
        return -1;
    for (int fd = 0; fd < 3; fd++) {
        if (dup2(null, fd) < 0)
            return -1;
    }
    if (dup3(high, 3, O_CLOEXEC) < 0)
        return -1;
    return SAFEGUARD(close_inherited) ? close_above(3) : 0;
}

static int hands_open(struct hands *hands, int control, unsigned flags, pid_t runner)
{
    default_signals();
    if (own_descriptors(control) < 0)
        return -1;
    hands->control = 3;
    if (SAFEGUARD(own_session) && setsid() < 0)
        return -1;
    priority_read(&hands->usual);
    hands->signal_fd = process_begin("ci-keeper", &hands->usual);
    if (hands->signal_fd < 0 || proctree_open(&hands->tree) < 0)
        return -1;
    void *slots = mmap(NULL, sizeof *hands->slots * HANDS_MAX, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED)
        return -1;
    hands->slots = slots;
    if ((flags & KEEPER_NO_CGROUP) ||
        cgroup_make_folder(hands->cgroup, sizeof hands->cgroup, runner) < 0)
        hands->cgroup[0] = '\0';
    return 0;
}

static int say_hello(int control, const char *cgroup, int error)
{
    struct wire_hello hello = {.error = error};
    snprintf(hello.cgroup, sizeof hello.cgroup, "%s", cgroup);
    struct iovec iov = {&hello, sizeof hello};
    return wire_send(control, &iov, 1, NULL, 0, 0);
}

/* A fork may fail for a moment, beside many others. */
static pid_t fork_patiently(void)
{
    for (int tries = 0;; tries++) {
        pid_t pid = fork();
        if (pid >= 0 || tries == 3)
            return pid;
        poll(NULL, 0, 10 << tries);
    }
}

static void refuse_hand(int sock, int error)
{
    struct hand_event event = {
        .kind = HAND_REFUSED, .at_ns = clock_mono_ns(), .where = HAND_WHERE_FORK, .error = error};
    wire_send_event(sock, &event);
}

static void start_hand(struct hands *hands, int sock)
{
    unsigned number = 0;
    while (number < HANDS_MAX && hands->pid[number] != 0)
        number++;
    if (number == HANDS_MAX) {
        refuse_hand(sock, EAGAIN);
        return;
    }
    pid_t pid = fork_patiently();
    if (pid == 0) {
        close(hands->control);
        close(hands->signal_fd);
        proctree_close(&hands->tree);
        hand_main(sock, &hands->slots[number], &hands->usual, hands->cgroup, number);
    }
    if (pid < 0) {
        refuse_hand(sock, errno);
        return;
    }
    hands->pid[number] = pid;
    hands->count++;
}

/* Whether there may be more. */
static bool take_control(struct hands *hands)
{
    char byte;
    int fds[WIRE_FDS];
    size_t n;
    ssize_t got = wire_receive(hands->control, &byte, 1, fds, &n, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0) {
        /* Not only told apart by an error: a runner that still lives learns that no hand comes. */
        close(hands->control);
        hands->control = -1;
        hands->gone = true;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        start_hand(hands, fds[i]);
        close(fds[i]);
    }
    return true;
}

/* Its leaf is killed at one stroke, its children have become ours. */
static void hand_died(struct hands *hands, unsigned number, int status)
{
    hands->pid[number] = 0;
    hands->count--;
    atomic_store(&hands->slots[number].since_ns, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    hands->orphans = SAFEGUARD(keeper_kills_orphans);
    hands->round = 0;
    struct cgroup_leaf leaf;
    if (!SAFEGUARD(keeper_kills_leaf))
        return;
    cgroup_leaf_open(&leaf, hands->cgroup, number);
    cgroup_leaf_kill(&leaf);
    cgroup_leaf_close(&leaf);
}

static unsigned number_of(const struct hands *hands, pid_t pid)
{
    unsigned number = 0;
    while (number < HANDS_MAX && hands->pid[number] != pid)
        number++;
    return number;
}

/* Some at a time: orphans of a dead hand may come faster than they go. The others are there in the
 * next step, which is near as long as there are orphans. */
static void reap(struct hands *hands)
{
    pid_t pid;
    int status;
    for (int n = 0; n < REAP_MAX; n++) {
        pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL);
        if (pid <= 0)
            return;
        unsigned number = number_of(hands, pid);
        if (number == HANDS_MAX)
            continue;
        /* Stopped, a hand keeps no deadline, and nobody has a reason to stop one. */
        if (!WIFSTOPPED(status))
            hand_died(hands, number, status);
        else if (SAFEGUARD(stopped_hands_are_woken))
            kill(pid, SIGCONT);
    }
}

/* All children that are no hands were a dead hand's. */
static void kill_orphans(struct hands *hands)
{
    struct pid_list *pids = &hands->pids;
    pid_list_clear(pids);
    proctree_children(&hands->tree, pids);
    hands->orphans = false;
    for (size_t i = 0; i < pids->n; i++) {
        if (number_of(hands, pids->v[i]) < HANDS_MAX)
            continue;
        kill(pids->v[i], SIGKILL);
        hands->orphans = true;
    }
    hands->round++;
}

static void watch_slots(struct hands *hands)
{
    uint64_t now = clock_mono_ns(), patience = hands->gone ? EXEC_END_NS : EXEC_NS;
    for (unsigned i = 0; i < HANDS_MAX; i++) {
        if (hands->pid[i] != 0 && now > patience && SAFEGUARD(hung_starts_are_killed))
            spawn_kill_hung(&hands->slots[i], now - patience);
    }
}

static int patience_ms(const struct hands *hands)
{
    if (hands->orphans)
        return hands->round < 500 ? 1 : 100;
    if (hands->count == 0)
        return -1;
    return hands->gone ? 100 : 1000;
}

static void hands_step(struct hands *hands)
{
    struct pollfd fds[2] = {{hands->signal_fd, POLLIN, 0},
                            {hands->gone ? -1 : hands->control, POLLIN, 0}};
    if (poll(fds, 2, patience_ms(hands)) < 0)
        return;
    if (fds[0].revents)
        process_drain(hands->signal_fd);
    reap(hands);
    if (hands->orphans)
        kill_orphans(hands);
    for (int i = 0; fds[1].revents && i < 16 && take_control(hands); i++)
        continue;
    watch_slots(hands);
}

_Noreturn void keeper_main(int fd, unsigned flags, pid_t runner)
{
    static struct hands hands;
    if (hands_open(&hands, fd, flags, runner) < 0) {
        say_hello(hands.control ? hands.control : fd, "", errno);
        _exit(1);
    }
    if (say_hello(hands.control, hands.cgroup, 0) < 0)
        hands.gone = true;
    while (!hands.gone || hands.count > 0 || hands.orphans)
        hands_step(&hands);
    if (hands.cgroup[0])
        cgroup_remove(hands.cgroup, 500);
    _exit(0);
}
