/* SPDX-License-Identifier: MIT
 *
 * The handler runs in a program whose memory may be in any state, on a stack of its own since the
 * other may be full: write(2) and nothing else.
 */
#include "plugin_call.h"
#include "msg.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NO_VERDICT 3

static const char *volatile running; /* NULL: the core itself */
static volatile bool over;

static const struct {
    int signo;
    const char *name;
} fatal[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGABRT, "SIGABRT"},
    {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"}, {SIGSYS, "SIGSYS"},
};

const char *plugin_call_enter(const char *name)
{
    const char *outer = running;
    running = name;
    return outer;
}

void plugin_call_leave(const char *outer)
{
    running = outer;
}

struct surroundings surroundings_keep(void)
{
    struct surroundings kept = {.folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    kept.mask = umask(077);
    umask(kept.mask);
    return kept;
}

void surroundings_restore(struct surroundings *kept)
{
    umask(kept->mask);
    if (kept->folder >= 0 && SAFEGUARD(folder_after_plugins) && fchdir(kept->folder) < 0)
        msg(MSG_WARNING, "cannot return to the current folder: %s", strerror(errno));
    auto_close(&kept->folder);
}

static struct iovec piece(const char *text)
{
    return (struct iovec){.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
}

/* One write, so that nothing comes in between. */
static void say(const char *did, const char *what)
{
    /* Another thread is not in the call that this one is in. */
    const char *name = gettid() == getpid() ? running : NULL;
    const struct iovec line[] = {
        piece("ciplug: "),
        piece(name ? "plugin '" : "a fault of ciplug, or of a plugin's thread:"),
        piece(name ? name : ""),
        piece(name ? "' " : " "),
        piece(did),
        piece(what),
        piece("; what runs is killed, what the journal holds stays\n"),
    };
    (void)!writev(2, line, ARRAY_SIZE(line));
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
    if (over || !SAFEGUARD(plugin_exit))
        return;
    say("called ", "exit()");
    _exit(NO_VERDICT);
}

void plugin_call_guard(void)
{
    static char stack[64 * 1024];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    sigfillset(&action.sa_mask);
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
