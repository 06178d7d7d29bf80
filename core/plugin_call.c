/* SPDX-License-Identifier: MIT
 *
 * The handlers run in a program whose memory may be in any state, that of a crash on a stack of its
 * own since the other may be full: write(2) and nothing else.
 */
#include "plugin_call.h"
#include "safeguard.h"
#include "util.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NO_VERDICT 3

#define TICK_S       1
#define TAKE_TICKS   2  /* in one call: signals are ours, since the loop does not see them */
#define LEAVE_TICKS  5  /* after one of them: the end, should the plugin not have returned */
#define NOTICE_TICKS 10 /* in one call: it is said */
#define STACK_SIZE   (256 * 1024)
#define SHOWN_MAX    64
#define ROOM_MS      1000

static const char *volatile running; /* NULL: the core itself */
static volatile bool over;
static _Thread_local bool loop_thread;
static volatile pid_t owner; /* whose calls these are: not what a plugin has forked */

/* Against the thread that watches: `running` with its name, `number`, `taken`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t number; /* of the call, and of each return to it */

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static struct sigaction before[ARRAY_SIZE(end_signals)];
static bool taken;
static volatile sig_atomic_t asked; /* the signal that came since */

static const struct {
    int signo;
    const char *name;
} fatal[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGABRT, "SIGABRT"},
    {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"}, {SIGSYS, "SIGSYS"},
};

static struct iovec piece(const char *text)
{
    return (struct iovec){.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
}

/* Whether something can be written: nobody waits for a terminal that is held, or a full pipe. */
static bool has_room(int patience_ms)
{
    struct pollfd room = {.fd = 2, .events = POLLOUT};
    return poll(&room, 1, patience_ms) == 1 && (room.revents & POLLOUT);
}

/* One write, so that nothing comes in between. */
static void say_of(const char *name, const char *did, const char *what)
{
    const struct iovec line[] = {
        piece("ciplug: "),
        piece(name ? "plugin '" : "a fault of ciplug, or of a plugin's thread:"),
        piece(name ? name : ""),
        piece(name ? "' " : " "),
        piece(did),
        piece(what),
        piece("; what runs is killed, what the journal holds stays\n"),
    };
    if (has_room(ROOM_MS))
        (void)!writev(2, line, ARRAY_SIZE(line));
}

static void say(const char *did, const char *what)
{
    /* Another thread is not in the call that this one is in. */
    say_of(gettid() == getpid() ? running : NULL, did, what);
}

static void on_fatal(int signo)
{
    const char *name = "a signal";
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
        if (fatal[i].signo == signo)
            name = fatal[i].name;
    }
    say("crashed: ", name);
    /* The default action is back, and comes when we return. */
    raise(signo);
}

/* Whatever status it was called with: of a run that broke off there is no verdict. */
static void on_exit_called(void)
{
    if (over || getpid() != owner || !SAFEGUARD(plugin_exit))
        return;
    say("called ", "exit()");
    over = true;
    _exit(NO_VERDICT);
}

/* In front of the C library's, for all that is loaded: a plugin that leaves this way would leave
 * with a status of its own, and unnamed. The core does so on purpose, but in no plugin's call. */
void _exit(int status)
{
    bool plugins = gettid() != getpid() || running;
    if (!over && getpid() == owner && plugins && SAFEGUARD(plugin_exit)) {
        say("called ", "_exit()");
        status = NO_VERDICT;
    }
    for (;;)
        (void)syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
    _exit(status);
}

/* ---- one that does not return ---- */

static _Noreturn void leave_now(int signo)
{
    say_of(running, "has not returned; ended by SIG", sigabbrev_np(signo));
    over = true;
    _exit(128 + signo);
}

static void on_end_signal(int signo)
{
    if (asked)
        leave_now(signo);
    asked = signo;
}

/* What is ignored stays so, and what ends us by itself does. */
static void take_signals(void)
{
    const struct sigaction ours = {.sa_handler = on_end_signal};
    surroundings_mend_signals(NULL);
    asked = 0;
    taken = true;
    for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++) {
        (void)sigaction(end_signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN)
            (void)sigaction(end_signals[i], &ours, NULL);
    }
}

/* It has returned after all: the loop answers what came meanwhile. */
static void give_signals_back(void)
{
    taken = false;
    for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
        (void)sigaction(end_signals[i], &before[i], NULL);
    if (asked)
        (void)kill(getpid(), asked);
}

const char *plugin_call_enter(const char *name)
{
    (void)pthread_mutex_lock(&lock);
    const char *outer = running;
    running = name;
    number++;
    (void)pthread_mutex_unlock(&lock);
    return outer;
}

void plugin_call_leave(const char *outer)
{
    const char *name = running;
    (void)pthread_mutex_lock(&lock);
    if (taken)
        give_signals_back();
    running = outer;
    number++;
    (void)pthread_mutex_unlock(&lock);
    if (name)
        surroundings_mend(name);
}

const char *plugin_call_name(void)
{
    const char *name = running;
    return name ? name : "";
}

/* By write(2): msg() is for one thread. */
bool plugin_call_elsewhere(const char *name)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (loop_thread || !owner || !SAFEGUARD(api_on_one_thread))
        return false;
    if (name && !atomic_flag_test_and_set(&told) && has_room(0)) {
        const struct iovec line[] = {
            piece("ciplug: warning: plugin '"), piece(name),
            piece("' calls the api from another thread, which is refused\n")};
        (void)!writev(2, line, ARRAY_SIZE(line));
    }
    return true;
}

static void say_stuck(const char *name)
{
    char line[SHOWN_MAX + 160];
    int length =
        snprintf(line, sizeof line,
                 "ciplug: plugin '%s' has not returned for %d s, and nothing goes on meanwhile; "
                 "SIGINT or SIGTERM ends ciplug\n",
                 name, NOTICE_TICKS * TICK_S);
    if (has_room(0))
        (void)!write(2, line, (size_t)length);
}

/* How long, in ticks, and not by the clock: while we are stopped, it is nobody's fault. */
static void look(uint64_t *seen, unsigned *ticks, unsigned *ticks_asked)
{
    char name[SHOWN_MAX] = "";
    (void)pthread_mutex_lock(&lock);
    if (!running || number != *seen)
        *ticks = *ticks_asked = 0;
    else if (++*ticks == TAKE_TICKS && SAFEGUARD(stuck_plugin))
        take_signals();
    *ticks_asked += taken && asked ? 1 : 0;
    if (*ticks_asked >= LEAVE_TICKS)
        leave_now(asked);
    *seen = number;
    if (*ticks == NOTICE_TICKS)
        snprintf(name, sizeof name, "%s", running);
    (void)pthread_mutex_unlock(&lock);
    if (*name)
        say_stuck(name);
}

static void *watch(void *data)
{
    const struct timespec tick = {.tv_sec = TICK_S};
    uint64_t seen = 0;
    unsigned ticks = 0, ticks_asked = 0;
    while (!over) {
        (void)nanosleep(&tick, NULL);
        look(&seen, &ticks, &ticks_asked);
    }
    return data;
}

/* Without it only the answers to such a plugin are missing. It takes the signals that end a run
 * only where the loop's thread has them blocked, which a plugin may have done. */
static void start_watch(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t others, old;
    if (pthread_attr_init(&attributes))
        return;
    sigfillset(&others);
    for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
        sigdelset(&others, end_signals[i]);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &others, &old);
    (void)pthread_create(&thread, &attributes, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attributes);
}

void plugin_call_guard(void)
{
    static char stack[64 * 1024];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    sigfillset(&action.sa_mask);
    owner = getpid();
    loop_thread = true;
    start_watch();
    /* What fails here fails for the messages only. */
    (void)atexit(on_exit_called);
    (void)at_quick_exit(on_exit_called);
    if (!SAFEGUARD(plugin_crash) || sigaltstack(&own, NULL) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        (void)sigaction(fatal[i].signo, &action, NULL);
}

void plugin_call_over(void)
{
    over = true;
}
