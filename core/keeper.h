/* SPDX-License-Identifier: MIT
 *
 * The keeper and its hands, seen from the runner. See docs/keeper.md for the whole of it.
 *
 * keeper_start() forks the keeper: first thing in main, before configuration, libuv, threads and
 * plugins. A hand runs one command at a time and ends its whole tree; the runner asks for hands as
 * it needs them, keeps idle ones, and talks to each over a SOCK_SEQPACKET socket of its own. Every
 * deadline is executed by the hand. When the runner goes, however, each hand reads end of file,
 * kills all that it started, and leaves; the keeper does the same for the children of hands that
 * died.
 *
 * A guarded command (docs/guard.md) runs elsewhere, and what a hand starts is only its client. The
 * hand then holds the control channel: the guard at the other end gets the signals, as lines, and
 * the client is never signalled before it has had the time to end by itself.
 */
#ifndef CIPLUG_CORE_KEEPER_H
#define CIPLUG_CORE_KEEPER_H

#include "argv.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KEEPER_CGROUP_MAX 1024

struct keeper {
    pid_t pid;
    int fd; /* control socket; readable or at end of file only when the keeper has died */
    /* The cgroup v2 folder that the keeper made for its hands, "" when it could make none. It goes
     * with the keeper; after a SIGKILL of the keeper, keeper_reap_cgroup() removes it. */
    char cgroup[KEEPER_CGROUP_MAX];
};

/* Fork the keeper. Its 0, 1, 2 are /dev/null, it leads a session of its own, blocks signals, closes
 * everything else, restores default dispositions and an empty mask in what its hands start (a
 * SIGHUP that was ignored stays ignored). 0, or -1 with errno. */
int keeper_start(struct keeper *keeper);
/* The same with flags. */
#define KEEPER_NO_CGROUP 1u /* as where no cgroup can be made: for tests */
int keeper_start_with(struct keeper *keeper, unsigned flags);
/* Now and then: a keeper that somebody stopped goes on. (It does the same for its hands.) */
void keeper_wake(const struct keeper *keeper);
/* Close the control socket, wait until keeper and hands are gone (at most `timeout_ns`). Call after
 * all hands were freed. 0, or -1 when something is still there. */
int keeper_finish(struct keeper *keeper, uint64_t timeout_ns);
/* After it: whatever has come to the runner because keeper and hands were killed is killed, too, a
 * keeper that somebody stopped as well. How many processes that were. Bounded: 2 s. */
unsigned keeper_end_strays(void);

/* What a dead run left, whose runner was `runner`, started at `start`. Both wait at most
 * `patience_ms`.
 * SIGKILL all in the cgroup folder that its journal names, remove it; *processes gets how many were
 * in it. 1: done; 0: it is gone already; -1 with errno (EINVAL: no folder of that runner's). */
int keeper_reap_cgroup(const char *path, pid_t runner, uint64_t start, unsigned patience_ms,
                       unsigned *processes);
/* SIGKILL every process whose environment has a marker that begins with `marker` (marker_of_run())
 * and that was started at `start` or later. How many there were. */
unsigned keeper_reap_marker(const char *marker, uint64_t start, unsigned patience_ms);
/* Remove the empty cgroup folders of dead runners beside this one's: they died before a journal
 * could name them. How many. */
unsigned keeper_reap_empty_cgroups(void);

struct hand {
    int fd; /* watch for reading; -1: gone */
};

/* A new hand. 0, or -1 with errno (EPIPE: the keeper has died; EAGAIN: hundreds were asked for in a
 * row, and the keeper made no room within 1 s: try later). Otherwise does not wait for the fork:
 * when that fails, HAND_REFUSED with id 0 and HAND_WHERE_FORK comes, then the end of the hand. */
int hand_open(struct keeper *keeper, struct hand *hand);
/* Close: the hand kills what it still has and leaves. */
void hand_close(struct hand *hand);

enum hand_on_leak {
    HAND_LEAK_KILL, /* sweep until nothing is left */
    HAND_LEAK_KEEP  /* leave what is left alone; the caller then never starts anything in this hand
                       again  and closes it when the leftovers have to go */
};

struct hand_request {
    uint64_t id; /* comes back with every event */
    const struct argv *argv;
    int fds[3];   /* for 0, 1, 2 of the command; borrowed: the caller closes them after the call */
    bool guarded; /* fds[0] is a file with the prelude: the hand writes it into the control channel,
                     which is the client's 0 */
    uint64_t timeout_ns; /* from exec, guarded: from hand_begin(); 0: none */
    uint64_t
        hold_ns; /* wait that long for HAND_GO at the deadline (before the soft signal) and after a
                    failed exit (before the sweep): on_failure runs meanwhile; 0: no waiting */
    uint64_t grace_ns;   /* soft signal -> SIGKILL */
    uint64_t confirm_ns; /* SIGKILL -> unkillable; 0: 5 s */
    int soft_signal;     /* SIGTERM */
    enum hand_on_leak on_leak;
    const char *marker; /* "CIPLUG_JOB=..." goes into the environment, for the sweep over /proc */
};

/* 0, or -1 with errno (EPIPE: the hand has died; E2BIG; EINVAL: no words; EAGAIN: it does not read,
 * which a hand that is idle does: hand_close() it and take another). Nothing was started then.
 * Requests beyond a datagram travel in a memfd. A hand that is not idle answers HAND_REFUSED with
 * EBUSY. The program is looked for on the PATH of the command's own environment. */
int hand_start(struct hand *hand, const struct hand_request *request);

enum hand_order {
    HAND_STOP,  /* cancel: soft signal `signo` (+ SIGCONT) to the tree now, grace, SIGKILL */
    HAND_KILL,  /* SIGKILL the whole tree now */
    HAND_GO,    /* the caller's on_failure is done: go on */
    HAND_PAUSE, /* SIGSTOP (or freeze) the tree, deadlines stand still */
    HAND_RESUME,
    HAND_BEGIN /* only by hand_begin() */
};
/* For a guarded command "the tree" is that of its guard. The client is no part of it, and gets only
 * SIGKILL, 2 s after the guard was told to do the same and the channel was closed.
 * 0, or -1 with errno (EPIPE; EAGAIN: hundreds of orders wait in a hand that does not read, as
 * while an exec hangs). Never waits. Orders for a command that has ended are ignored by the hand:
 * `id` says which. HAND_STOP during the grace changes nothing; in either hold it goes on at once,
 * and HAND_KILL kills at once; after a failed exit both are as HAND_GO. */
int hand_order(struct hand *hand, uint64_t id, enum hand_order order, int signo);
/* A guarded command has begun, seen at `at_ns` (CLOCK_MONOTONIC): the timeout counts from there.
 * Only the first time. Result as of hand_order(). */
int hand_begin(struct hand *hand, uint64_t id, uint64_t at_ns);

enum hand_event_kind {
    HAND_STARTED,  /* exec has happened: pid, at_ns */
    HAND_REFUSED,  /* could not be started: where, error. The hand is idle again. */
    HAND_DEADLINE, /* the timeout was reached while the command was still alive */
    HAND_EXITED,   /* its first process has ended: code, status, ended; the sweep begins (after
                      hold_ns where asked) */
    HAND_DONE      /* nothing of it is left, and the hand is idle again. With unkillable > 0 the
                      contrary: do not use the hand again, close it; HAND_EXITED may not have come */
};

/* What ended the command; fixed before the first signal goes out, by looking (WNOWAIT) whether it
 * had already exited by itself. */
enum hand_ended { HAND_ENDED_ITSELF, HAND_ENDED_TIMEOUT, HAND_ENDED_STOP };

/* Where a start failed. */
enum hand_where {
    HAND_WHERE_NONE,
    HAND_WHERE_CWD,     /* error: errno of chdir */
    HAND_WHERE_PROGRAM, /* errno of execve, or ENOENT when not on PATH; ENOEXEC is not retried by a
                           shell */
    HAND_WHERE_ARGUMENTS, /* E2BIG */
    HAND_WHERE_FORK,      /* EAGAIN, ENOMEM: worth another try */
    HAND_WHERE_EXEC_HUNG  /* no exec within 5 s: killed */
};

/* Mechanisms whose SIGKILL found something alive that no other had reached: bits. */
#define HAND_VIA_CGROUP    1
#define HAND_VIA_SUBREAPER 2
#define HAND_VIA_GROUP     4
#define HAND_VIA_MARKER    8
#define HAND_VIA_GUARD     16 /* told to kill, its client ended by itself in time */

#define HAND_TEXT_MAX 512

struct hand_event {
    enum hand_event_kind kind;
    uint64_t id;
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    pid_t pid;      /* of the command's first process: CI_PID */
    enum hand_where where;
    int error;
    int code;   /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
    int status; /* exit code or signal */
    enum hand_ended ended;
    uint32_t leaked;          /* processes that outlived the first one when nobody had signalled */
    uint32_t unkillable;      /* processes still there after confirm_ns */
    uint32_t via;             /* HAND_VIA_... */
    char text[HAND_TEXT_MAX]; /* leaked or unkillable: "pid 123 sleep 600, ..." with state and wchan
                                 for the latter */
};

/* One event if there is one. 1: *event; 0: nothing now; -1: the hand has died (the keeper kills
 * what it had). Never blocks. */
int hand_receive(struct hand *hand, struct hand_event *event);

#endif
