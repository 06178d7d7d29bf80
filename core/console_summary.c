/* SPDX-License-Identifier: MIT */
#include "console_format.h"
#include "console_state.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES    8192
#define TAIL_LINES    20
#define TAIL_FAILURES 20
#define TAIL_PREFIX   "        | "

void console_failure_clear(struct console_failure *failure)
{
    free(failure->line);
    free(failure->cases);
    free(failure->streams[0].path);
    free(failure->streams[1].path);
}

void console_remember_line(struct console *console, const struct strbuf *line, bool cleanup)
{
    ARRAY_GROW(console->failures, console->n_failures, console->failures_alloc);
    console->failures[console->n_failures++] =
        (struct console_failure){.line = xstrdup(strbuf_text(line)), .cleanup = cleanup};
}

static void remember_stream(struct console_stream *stream, const char *path, uint64_t bytes)
{
    stream->path = path && bytes ? xstrdup(path) : NULL;
    stream->end = bytes;
}

void console_remember(struct console *console, const struct ciplug_event *event,
                      const struct strbuf *line)
{
    const struct ciplug_result *result = event->result;
    int mode = event->output ? event->output : console->settings.output;
    console_remember_line(console, line, event->command->cleanup);
    struct console_failure *failure = &console->failures[console->n_failures - 1];
    failure->cases = console_cases_of(console, event);
    failure->tail = mode != CIPLUG_OUTPUT_NONE;
    remember_stream(&failure->streams[0], result->log_out, result->bytes_out);
    remember_stream(&failure->streams[1], result->log_err, result->bytes_err);
}

/* The last `bytes` of a regular file; *start gets where they begin. */
static int read_end(const char *path, size_t bytes, uint64_t *start, struct strbuf *text)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    uint64_t size = (uint64_t)st.st_size;
    *start = size > bytes ? size - bytes : 0;
    AUTO_FREE char *buf = xmalloc(bytes);
    ssize_t n = pread(fd, buf, bytes, (off_t)*start);
    if (n <= 0)
        return -1;
    strbuf_add(text, buf, (size_t)n);
    return 0;
}

int console_tail(const char *path, size_t bytes, size_t lines, uint64_t *offset,
                 struct strbuf *text)
{
    AUTO_STRBUF struct strbuf piece = STRBUF_INIT;
    uint64_t start;
    if (read_end(path, bytes, &start, &piece) < 0)
        return -1;
    const char *end = piece.buf + piece.len;
    const char *from = end - (end[-1] == '\n');
    const char *newline = NULL;
    for (size_t i = 0; i < lines; i++) {
        newline = memrchr(piece.buf, '\n', (size_t)(from - piece.buf));
        if (!newline)
            break;
        from = newline;
    }
    /* A first line that is cut off at its front is left out, unless there is no other. */
    if (!newline && start > 0)
        newline = memchr(piece.buf, '\n', (size_t)(end - piece.buf));
    from = newline && newline + 1 < end ? newline + 1 : piece.buf;
    *offset = start + (uint64_t)(from - piece.buf);
    if (text)
        strbuf_add(text, from, (size_t)(end - from));
    return 0;
}

static void show_tail(struct console *console, const struct console_failure *failure)
{
    for (int i = 1; i >= 0; i--) {
        const char *path = failure->streams[i].path;
        uint64_t offset;
        if (!path || console_tail(path, TAIL_BYTES, TAIL_LINES, &offset, NULL) < 0)
            continue;
        (void)console_mark_open(console, NULL, NULL);
        screen_file(console->settings.screen, path, offset, TAIL_BYTES, TAIL_PREFIX, true);
        return;
    }
}

static void add_paths(struct console *console, const struct console_failure *failure,
                      struct strbuf *text)
{
    if (!failure->streams[0].path && !failure->streams[1].path)
        return;
    strbuf_addstr(text, "       ");
    for (int i = 0; i < 2; i++) {
        if (!failure->streams[i].path)
            continue;
        strbuf_addch(text, ' ');
        format_path(text, console->cwd, failure->streams[i].path);
    }
    strbuf_addch(text, '\n');
}

static void show_failure(struct console *console, const struct console_failure *failure, bool tail)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addstr(&text, failure->line);
    strbuf_addstr(&text, failure->cases ? failure->cases : "");
    add_paths(console, failure, &text);
    console_say(console, &text, false);
    if (tail && failure->tail)
        show_tail(console, failure);
}

static void show_failures(struct console *console, bool cleanup, const char *title)
{
    AUTO_STRBUF struct strbuf head = STRBUF_INIT;
    strbuf_addf(&head, "\n%s:\n", title);
    size_t shown = 0;
    for (size_t i = 0; i < console->n_failures; i++) {
        if (console->failures[i].cleanup != cleanup)
            continue;
        if (shown == 0)
            console_say(console, &head, false);
        show_failure(console, &console->failures[i], shown < TAIL_FAILURES);
        shown++;
    }
}

static void show_list(struct console *console, const struct strv *list, const char *title)
{
    if (!list->n)
        return;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addf(&text, "\n%s:\n", title);
    for (size_t i = 0; i < list->n; i++)
        strbuf_addf(&text, "  %s\n", list->v[i]);
    console_say(console, &text, false);
}

static void show_ledger(struct console *console)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addch(&text, '\n');
    ledger_text(&text, &console->ledger.run);
    if (console->finished && !ledger_adds_up(&console->ledger.run))
        strbuf_addstr(&text, " (this does not add up)");
    strbuf_addch(&text, '\n');
    console_say(console, &text, false);
}

static void add_logs(struct console *console, struct strbuf *line)
{
    if (console->run_dir) {
        AUTO_FREE char *logs = xasprintf("%s/logs", console->run_dir);
        strbuf_addstr(line, "; logs: ");
        format_path(line, console->cwd, logs);
    }
    strbuf_addch(line, '\n');
}

static void show_verdict(struct console *console)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    char took[24];
    uint64_t ns = console->ended_wall_ns > console->started_wall_ns
                      ? console->ended_wall_ns - console->started_wall_ns
                      : 0;
    format_duration(took, sizeof took, ns);
    strbuf_addf(&line, "run %s ", console->run ? console->run : "?");
    format_exit(&line, console->exit_status);
    strbuf_addf(&line, " in %s", took);
    format_reason(&line, console->reason);
    add_logs(console, &line);
    console_say(console, &line, false);
}

/* A run that was killed, or still goes on: its journal ends somewhere. */
static void show_unfinished(struct console *console)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    const struct ciplug_ledger *run = &console->ledger.run;
    uint64_t ended = run->passed + run->failed + run->signaled + run->timeout + run->error +
                     run->cancelled + run->skipped - console->interrupted;
    for (size_t i = 0; i < console->n_running; i++) {
        const struct console_running *running = &console->running[i];
        format_word(&line, "RUN", console->settings.color);
        strbuf_addf(&line, "%s has not ended", running->name);
        strbuf_addf(&line, *running->place ? " (%s)\n" : "%s\n", running->place);
    }
    strbuf_addf(&line, "run %s has not finished: %llu of %llu commands ended",
                console->run ? console->run : "?", (unsigned long long)ended,
                (unsigned long long)run->planned);
    add_logs(console, &line);
    console_say(console, &line, false);
}

void console_summary(struct console *console)
{
    if (console->settings.verbosity >= 0) {
        show_failures(console, false, "failures");
        show_list(console, &console->flaky, "passed only after a retry");
        show_list(console, &console->leaked, "left processes behind");
        show_failures(console, true, "cleanup failures");
        show_ledger(console);
    }
    if (console->finished)
        show_verdict(console);
    else
        show_unfinished(console);
}
