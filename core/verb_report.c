/* SPDX-License-Identifier: MIT */
#include "console.h"
#include "event.h"
#include "journal.h"
#include "rundir.h"
#include "util.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_event(void *data, const struct ciplug_event *event,
                     const struct journal_extra *extra)
{
    (void)extra;
    events_emit(data, event);
}

static int replay(const struct cli *cli, struct events *events)
{
    int status = 0;
    for (size_t i = 0; i < (cli->words.n ? cli->words.n : 1); i++) {
        AUTO_FREE char *path =
            rundir_find(cli->run.state_dir, cli->words.n ? cli->words.v[i] : NULL);
        uint64_t good;
        struct journal_reader reader = {.event = on_event, .data = events};
        if (!path) {
            status = 2;
        } else if (journal_replay(path, &reader, &good) < 0) {
            msg(MSG_ERROR, "cannot read the journal of %s: %s", path, strerror(errno));
            status = 2;
        }
    }
    return status;
}

/* To a temporary name, synced, renamed: nobody ever finds half a report. */
static int finish_file(int fd, const char *temporary, const char *name)
{
    if (fsync(fd) == 0 && close(fd) == 0 && rename(temporary, name) == 0)
        return 0;
    msg(MSG_ERROR, "cannot write %s: %s", name, strerror(errno));
    unlink(temporary);
    return 3;
}

static int report_to_console(const struct cli *cli, int fd)
{
    struct console_settings settings = {.output = cli->run.output,
                                        .color = screen_wants_color(fd, cli->run.color),
                                        .verbosity = cli->run.verbosity,
                                        .replay = true};
    settings.screen = screen_new(fd, settings.color);
    if (!settings.screen) {
        msg(MSG_ERROR, "cannot start the thread for output: %s", strerror(errno));
        return 3;
    }
    struct console *console = console_new(&settings);
    struct events events = {0};
    events_add(&events, "console", &console_reporter, console);
    int status = replay(cli, &events);
    if (events_finish(&events) < 0 && status == 0)
        status = 3;
    int error = screen_free(settings.screen, 60 * NS_PER_S, NULL);
    if (error && error != EPIPE && status == 0)
        status = 3;
    console_free(console);
    events_free(&events);
    return status;
}

static int report_to(const struct cli *cli, const char *to)
{
    const char *file = strchr(to, '=');
    AUTO_FREE char *name = xstrndup(to, strcspn(to, "="));
    if (strcmp(name, "console") != 0) {
        msg(MSG_ERROR, "no reporter is called '%s'; there is: console", name);
        return 2;
    }
    if (!file)
        return report_to_console(cli, 1);
    file++;
    struct stat st;
    /* A device, a FIFO or /dev/stdout is written, not replaced. */
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode)) {
        AUTO_CLOSE int direct = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (direct >= 0)
            return report_to_console(cli, direct);
        msg(MSG_ERROR, "cannot write %s: %s", file, strerror(errno));
        return 3;
    }
    AUTO_FREE char *temporary = xasprintf("%s.%d.tmp", file, (int)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        msg(MSG_ERROR, "cannot write %s: %s", file, strerror(errno));
        return 3;
    }
    int status = report_to_console(cli, fd);
    int written = finish_file(fd, temporary, file);
    return status ? status : written;
}

int verb_report(const struct cli *cli)
{
    int status = 0;
    for (size_t i = 0; i < cli->to.n; i++) {
        int one = report_to(cli, cli->to.v[i]);
        status = status ? status : one;
    }
    return cli->to.n ? status : report_to(cli, "console");
}
