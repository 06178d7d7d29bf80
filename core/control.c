/* SPDX-License-Identifier: MIT */
#include "control.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEAT_NS (5 * NS_PER_S)
#define CHUNK   ((size_t)65536)

int control_open(struct control *control, int prelude)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    /* Only our end: the client may expect an input that blocks. */
    if (fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0) {
        int saved = errno;
        close(fds[0]);
        close(fds[1]);
        errno = saved;
        return -1;
    }
    *control = (struct control){
        .open = true,
        .fd = fds[1],
        .prelude = prelude,
        .beat_ns = clock_mono_ns() + BEAT_NS,
    };
    return fds[0];
}

static void end_prelude(struct control *control)
{
    auto_close(&control->prelude);
    control->prelude = -1;
}

void control_close(struct control *control)
{
    if (!control->open)
        return;
    control->open = false;
    close(control->fd);
    end_prelude(control);
}

/* How much of it the pipe took, which is all or nothing for a line. SIGPIPE is blocked in a hand.
 */
static size_t put(struct control *control, const void *bytes, size_t length)
{
    ssize_t n;
    do
        n = write(control->fd, bytes, length);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN)
        control_close(control);
    return n > 0 ? (size_t)n : 0;
}

static bool put_line(struct control *control, const char *line)
{
    return control->open && put(control, line, strlen(line)) > 0;
}

static void put_prelude(struct control *control)
{
    static char chunk[CHUNK];
    while (control->open && control->prelude >= 0) {
        ssize_t n = pread(control->prelude, chunk, sizeof chunk, control->at);
        if (n < 0 && errno == EINTR)
            continue;
        /* Half a prelude starts nothing; its guard sees end of file. */
        if (n < 0)
            control_close(control);
        if (n == 0)
            end_prelude(control);
        if (n <= 0)
            return;
        size_t taken = put(control, chunk, (size_t)n);
        control->at += (off_t)taken;
        if (taken < (size_t)n)
            return;
    }
}

static void put_orders(struct control *control)
{
    if (control->soft[0]) {
        char line[CONTROL_SIGNAL_MAX + 8];
        snprintf(line, sizeof line, "s %s\n", control->soft);
        if (!put_line(control, line))
            return;
        control->soft[0] = '\0';
    }
    if (control->paused != control->told_paused &&
        put_line(control, control->paused ? "p\n" : "c\n"))
        control->told_paused = control->paused;
}

/* A full pipe has enough to be read: its reader needs no heartbeat to know that we live. */
static void put_beat(struct control *control)
{
    uint64_t now = clock_mono_ns();
    if (now < control->beat_ns)
        return;
    control->beat_ns = now + BEAT_NS;
    if (control->prelude < 0 && SAFEGUARD(guard_heartbeat))
        put_line(control, "b\n");
}

void control_flush(struct control *control)
{
    if (!control->open)
        return;
    put_prelude(control);
    if (control->prelude < 0)
        put_orders(control);
    put_beat(control);
}

bool control_waits(const struct control *control)
{
    return control->open &&
           (control->prelude >= 0 || control->soft[0] || control->paused != control->told_paused);
}

uint64_t control_due(const struct control *control)
{
    return control->open ? control->beat_ns : 0;
}

void control_soft(struct control *control, int signo)
{
    const char *name = sigabbrev_np(signo);
    /* The guard's soft signal continues what it had stopped. */
    control->paused = control->told_paused = false;
    snprintf(control->soft, sizeof control->soft, "%s", name ? name : "TERM");
    control_flush(control);
}

void control_pause(struct control *control, bool paused)
{
    control->paused = paused;
    control_flush(control);
}

void control_kill(struct control *control)
{
    if (control->prelude < 0)
        put_line(control, "k\n");
    control_close(control);
}
