/* SPDX-License-Identifier: MIT
 *
 * What the tests of the console share: a screen on a file, and a run that it is told about.
 */
#ifndef CIPLUG_TESTS_CONSOLE_STAGE_H
#define CIPLUG_TESTS_CONSOLE_STAGE_H

#include "console.h"
#include "strbuf.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_NS    (60 * NS_PER_S)
#define SMALL_PASS "   PASS unit 1 [a] (1.2s, worker 2)\n"

static char folder[64];

/* A console on a screen on a file, and the run that it is told about. */
struct stage {
    struct console_settings settings;
    struct console *console;
    char *screen_path;
    char *run_dir;
    int fd;
};

static inline int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test-console.XXXXXX");
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") < 0 ? -1 : system(command);
}

static inline struct console_settings plain(void)
{
    return (struct console_settings){.output = CIPLUG_OUTPUT_GROUP};
}

static inline void stage_open(struct stage *stage, struct console_settings settings, int fd)
{
    *stage = (struct stage){.settings = settings};
    stage->run_dir = xasprintf("%s/run", folder);
    stage->screen_path = xasprintf("%s/screen", folder);
    stage->fd =
        fd >= 0 ? fd : open(stage->screen_path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(stage->fd >= 0);
    stage->settings.screen = screen_new(stage->fd, settings.color);
    assert_non_null(stage->settings.screen);
    stage->console = console_new(&stage->settings);
}

/* What was written; the caller's. Not inlined: gcc 12 would take the result for a local of it. */
static __attribute__((noinline)) char *stage_close(struct stage *stage)
{
    char *data = NULL;
    size_t length;
    console_free(stage->console);
    screen_free(stage->settings.screen, LONG_NS, NULL);
    close(stage->fd);
    if (access(stage->screen_path, F_OK) == 0)
        assert_int_equal(read_file(stage->screen_path, 1 << 28, &data, &length), 0);
    free(stage->run_dir);
    free(stage->screen_path);
    return data;
}

static inline void assert_stage(struct stage *stage, const char *wanted)
{
    char *data = stage_close(stage);
    assert_string_equal(data, wanted);
    free(data);
}

static inline void send(struct stage *stage, struct ciplug_event event)
{
    event.size = sizeof event;
    event.run = "k3x9a0qz";
    event.run_dir = stage->run_dir;
    if (!event.time_ns)
        event.time_ns = 1000 * NS_PER_S;
    console_reporter.event(stage->console, &event);
}

static inline void start_run(struct stage *stage)
{
    send(stage, (struct ciplug_event){.kind = CIPLUG_RUN_STARTED, .text = "ci: 2 steps"});
}

static inline void start_step(struct stage *stage, const char *name, uint64_t planned)
{
    struct ciplug_ledger ledger = {.size = sizeof ledger, .planned = planned};
    send(stage,
         (struct ciplug_event){.kind = CIPLUG_STEP_STARTED, .step = name, .ledger = &ledger});
}

static inline void end_step(struct stage *stage, const char *name, int outcome, const char *reason)
{
    send(stage,
         (struct ciplug_event){
             .kind = CIPLUG_STEP_FINISHED, .step = name, .outcome = outcome, .text = reason});
}

static inline void end_run(struct stage *stage, int status, const struct ciplug_ledger *ledger)
{
    send(stage, (struct ciplug_event){.kind = CIPLUG_RUN_FINISHED,
                                      .exit_status = status,
                                      .ledger = ledger,
                                      .time_ns = 1012 * NS_PER_S + 300 * NS_PER_MS});
    assert_int_equal(console_reporter.finish(stage->console), 0);
}

static inline struct ciplug_command command(const char *step, uint32_t number, const char *item)
{
    return (struct ciplug_command){.size = sizeof(struct ciplug_command),
                                   .step = step,
                                   .number = number,
                                   .count = 12,
                                   .item = item,
                                   .label = item,
                                   .worker = 2,
                                   .host = "local",
                                   .attempt = 1};
}

static inline struct ciplug_result result(int outcome, const char *reason)
{
    return (struct ciplug_result){.size = sizeof(struct ciplug_result),
                                  .outcome = outcome,
                                  .exit_code = -1,
                                  .final = 1,
                                  .started_ns = 1,
                                  .duration_ns = 1200 * NS_PER_MS,
                                  .reason = reason};
}

static inline void send_command(struct stage *stage, int kind, const struct ciplug_command *what,
                                const struct ciplug_result *how)
{
    send(stage, (struct ciplug_event){.kind = kind,
                                      .step = what->step,
                                      .cleanup = what->cleanup,
                                      .command = what,
                                      .result = how});
}

/* A log with this text; the path is the caller's. */
static inline char *make_log(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
    close(fd);
    return path;
}

/* One command that starts and ends with this output. */
static inline void whole_command(struct stage *stage, const struct ciplug_command *what,
                                 struct ciplug_result how, const char *out, const char *err)
{
    AUTO_FREE char *name_out = xasprintf("%s-%u.%u.out", what->step, what->number, what->attempt);
    AUTO_FREE char *name_err = xasprintf("%s-%u.%u.err", what->step, what->number, what->attempt);
    AUTO_FREE char *path_out = make_log(name_out, out);
    AUTO_FREE char *path_err = make_log(name_err, err);
    how.log_out = path_out;
    how.log_err = path_err;
    how.bytes_out = strlen(out);
    how.bytes_err = strlen(err);
    send_command(stage, CIPLUG_COMMAND_STARTED, what, &how);
    send_command(stage, CIPLUG_COMMAND_FINISHED, what, &how);
}

#endif
