/* SPDX-License-Identifier: MIT */
#include "hand.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int process_begin(const char *name, const struct priority *usual)
{
    sigset_t set;
    if (prctl(PR_SET_NAME, name) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -1;
    priority_ahead(usual);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void process_drain(int signal_fd)
{
    struct signalfd_siginfo info;
    /* SIGCHLD is one pending bit, so one is all. */
    ssize_t ignored = read(signal_fd, &info, sizeof info);
    (void)ignored;
}

/* What a command gets: 500 more than ours, so that it goes before us when memory runs out. */
static void find_oom_score(char *text, size_t size)
{
    long score = 0;
    FILE *file = fopen("/proc/self/oom_score_adj", "re");
    if (file) {
        char line[32];
        if (fgets(line, sizeof line, file))
            score = strtol(line, NULL, 10);
        fclose(file);
    }
    snprintf(text, size, "%ld", score > 500 ? 1000 : score + 500);
}

static int worker_open(struct worker *worker, const char *cgroup, unsigned number)
{
    worker->signal_fd = process_begin("ci-hand", worker->usual);
    if (worker->signal_fd < 0 || proctree_open(&worker->tree) < 0)
        return -1;
    worker->stack = mmap(NULL, SPAWN_STACK, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (worker->stack == MAP_FAILED)
        return -1;
    find_oom_score(worker->oom_score, sizeof worker->oom_score);
    cgroup_leaf_open(&worker->leaf, cgroup, number);
    return 0;
}

static void refuse(struct worker *worker, uint64_t id, enum hand_where where, int error)
{
    struct hand_event event = {
        .kind = HAND_REFUSED, .id = id, .at_ns = clock_mono_ns(), .where = where, .error = error};
    wire_send_event(worker->sock, &event);
}

/* A guarded command's prelude gives way to the client's end of the channel. */
static int open_channel(struct worker *worker, struct wire_command *command)
{
    if (!command->start.guarded)
        return 0;
    int client = control_open(&worker->control, command->fds[0]);
    if (client < 0)
        return -1;
    command->fds[0] = client;
    return 0;
}

static int run_command(struct worker *worker, struct wire_command *command, enum hand_where *where)
{
    AUTO_FREE char **env = spawn_environment(environ, command->env);
    char *marker = command->marker ? strdup(command->marker) : NULL;
    *where = HAND_WHERE_FORK;
    if (!env || (command->marker && !marker)) {
        free(marker);
        errno = ENOMEM;
        return -1;
    }
    if (open_channel(worker, command) < 0) {
        int error = errno;
        free(marker);
        errno = error;
        return -1;
    }
    struct spawn spawn = {
        .argv = command->argv,
        .env = env,
        .cwd = command->cwd,
        .fds = {command->fds[0], command->fds[1], command->fds[2]},
        .cgroup_fd = worker->leaf.procs,
        .usual = worker->usual,
        .oom_score = worker->oom_score,
        .stack = worker->stack,
        .slot = worker->slot,
    };
    pid_t leader = spawn_command(&spawn, where);
    if (leader < 0) {
        int error = errno;
        control_close(&worker->control);
        free(marker);
        errno = error;
        return -1;
    }
    worker->job.marker = marker;
    ladder_begin(worker, &command->start, leader);
    control_flush(&worker->control);
    return 0;
}

static void take_start(struct worker *worker, char *datagram, size_t length, const int *fds,
                       size_t n)
{
    struct wire_command command;
    enum hand_where where = HAND_WHERE_FORK;
    int rc = wire_decode(&command, datagram, length, fds, n);
    if (rc == 0 && worker->job.state != JOB_IDLE) {
        rc = -1;
        errno = EBUSY;
    } else if (rc == 0) {
        rc = run_command(worker, &command, &where);
    }
    if (rc < 0)
        refuse(worker, command.start.id, where, errno);
    wire_command_clear(&command);
}

static void take_order(struct worker *worker, const struct wire_order *order)
{
    if (order->order == HAND_BEGIN)
        ladder_started(worker, order->at_ns);
    else
        ladder_order(worker, (enum hand_order)order->order, order->signo);
}

static void take_message(struct worker *worker)
{
    static union {
        uint32_t kind;
        struct wire_order order;
        char bytes[sizeof(struct wire_start) + WIRE_INLINE];
    } message;
    int fds[WIRE_FDS];
    size_t n;
    ssize_t got = wire_receive(worker->sock, &message, sizeof message, fds, &n, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        ladder_gone(worker);
        return;
    }
    if (message.kind == WIRE_START) {
        take_start(worker, message.bytes, (size_t)got, fds, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    if (message.kind == WIRE_ORDER && (size_t)got == sizeof message.order &&
        worker->job.state != JOB_IDLE && message.order.id == worker->job.event.id)
        take_order(worker, &message.order);
}

/* The job's timer or the next heartbeat, which comes in a pause, too. 0: none. */
static uint64_t next_timer(const struct worker *worker)
{
    uint64_t timer = worker->job.paused_at == 0 ? worker->job.timer : 0;
    uint64_t beat = control_due(&worker->control);
    return beat > 0 && (timer == 0 || beat < timer) ? beat : timer;
}

/* Sleep until something is to do: a message, a child, a timer, room in the channel. */
static int sleep_until(struct worker *worker, struct pollfd *fds)
{
    const struct control *control = &worker->control;
    struct timespec wait, *timeout = NULL;
    uint64_t timer = next_timer(worker);
    if (timer > 0) {
        uint64_t now = clock_mono_ns();
        uint64_t left = timer > now ? timer - now : 0;
        wait = (struct timespec){(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
        timeout = &wait;
    }
    if (worker->more && worker->job.state != JOB_IDLE) {
        wait = (struct timespec){0, 0};
        timeout = &wait;
    }
    fds[0] = (struct pollfd){worker->signal_fd, POLLIN, 0};
    fds[1] = (struct pollfd){worker->gone ? -1 : worker->sock, POLLIN, 0};
    fds[2] =
        (struct pollfd){control->open ? control->fd : -1, control_waits(control) ? POLLOUT : 0, 0};
    return ppoll(fds, 3, timeout, NULL);
}

static bool timer_is_due(const struct job *job)
{
    return job->timer > 0 && job->paused_at == 0 && clock_mono_ns() >= job->timer;
}

static void worker_step(struct worker *worker)
{
    struct pollfd fds[3];
    if (sleep_until(worker, fds) < 0)
        return;
    /* Ends before deadlines and orders: what had ended, had ended. */
    if (!SAFEGUARD(ends_before_deadlines) && timer_is_due(&worker->job))
        ladder_timer(worker);
    if (fds[0].revents)
        process_drain(worker->signal_fd);
    if (fds[0].revents || worker->more)
        ladder_children(worker);
    if (fds[1].revents)
        take_message(worker);
    if (timer_is_due(&worker->job))
        ladder_timer(worker);
    if (fds[2].revents & (POLLERR | POLLNVAL))
        control_close(&worker->control); /* nobody reads any more */
    control_flush(&worker->control);
}

_Noreturn void hand_main(int sock, struct spawn_slot *slot, const struct priority *usual,
                         const char *cgroup, unsigned number)
{
    static struct worker worker;
    worker.sock = sock;
    worker.slot = slot;
    worker.usual = usual;
    pid_t keeper = getppid();
    if (worker_open(&worker, cgroup, number) < 0) {
        refuse(&worker, 0, HAND_WHERE_FORK, errno);
        _exit(1);
    }
    while (!worker.gone || worker.job.state != JOB_IDLE)
        worker_step(&worker);
    cgroup_leaf_close(&worker.leaf);
    /* The folder is the keeper's, and the last one's when it was killed. */
    if (*cgroup && getppid() != keeper)
        rmdir(cgroup);
    _exit(0);
}
