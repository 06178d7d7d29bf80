/* SPDX-License-Identifier: MIT */
#include "console_format.h"
#include "console_state.h"
#include "event.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* How long the last running command must have been alone before its output is followed: in a row of
 * short commands each one's output stands below its result. */
#define FOLLOW_AFTER_NS NS_PER_S

static int output_mode(const struct console *console, const struct ciplug_event *event)
{
    int mode = event->output ? event->output : console->settings.output;
    if (mode == 0 || mode == CIPLUG_OUTPUT_GROUP)
        mode = console->settings.verbosity < 0 ? CIPLUG_OUTPUT_FAILURES : CIPLUG_OUTPUT_GROUP;
    return mode;
}

static void take_paths(struct console_stream *streams, const struct ciplug_result *result)
{
    if (!result)
        return;
    if (result->log_out && !streams[0].path)
        streams[0].path = xstrdup(result->log_out);
    if (result->log_err && !streams[1].path)
        streams[1].path = xstrdup(result->log_err);
}

bool console_is_failure(const struct ciplug_result *result)
{
    return outcome_bad(result->outcome);
}

void console_running_clear(struct console_running *running)
{
    free(running->step);
    free(running->name);
    free(running->place);
    free(running->streams[0].path);
    free(running->streams[1].path);
}

struct console_running *console_find(struct console *console, const struct ciplug_event *event)
{
    for (size_t i = 0; i < console->n_running; i++) {
        struct console_running *running = &console->running[i];
        if (running->number == event->command->number &&
            strcmp(running->step, event->command->step) == 0)
            return running;
    }
    return NULL;
}

void console_end_block(struct console *console)
{
    if (!console->block)
        return;
    console_mark_close(console, NULL);
    /* What is followed further gets a header, and a block, of its own. */
    for (size_t i = 0; i < console->n_running; i++)
        console->running[i].headed = false;
}

struct console_running *console_start(struct console *console, const struct ciplug_event *event)
{
    AUTO_STRBUF struct strbuf name = STRBUF_INIT, place = STRBUF_INIT;
    format_name(&name, event->command);
    format_place(&place, event->command);
    /* Whole lines of the one that was followed have been shown; the rest comes at its end. */
    for (size_t i = 0; i < console->n_running; i++)
        console->running[i].following = console->running[i].headed = false;
    console_end_block(console);
    ARRAY_GROW(console->running, console->n_running, console->running_alloc);
    struct console_running *running = &console->running[console->n_running++];
    *running = (struct console_running){.step = xstrdup(event->command->step),
                                        .number = event->command->number,
                                        .name = strbuf_detach(&name),
                                        .place = strbuf_detach(&place),
                                        .output = output_mode(console, event),
                                        .started_ns = console_now(console),
                                        .started_wall_ns = event->time_ns};
    take_paths(running->streams, event->result);
    console->last_start_ns = running->started_ns;
    return running;
}

static void console_remove(struct console *console, struct console_running *running)
{
    console_running_clear(running);
    size_t behind = (size_t)(console->running + console->n_running - (running + 1));
    memmove(running, running + 1, behind * sizeof *running);
    console->n_running--;
}

/* "[unit 4] ", in front of each line; NULL where output stands alone. The caller's. */
static char *prefix_of(const struct console_running *running, int mode)
{
    if (mode != CIPLUG_OUTPUT_LIVE)
        return NULL;
    size_t length = strcspn(running->name, "[");
    length -= length && running->name[length - 1] == ' ';
    return xasprintf("[%.*s] ", (int)length, running->name);
}

static void show_header(struct console *console, struct console_running *running)
{
    if (!running->following || running->headed)
        return;
    running->headed = true;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    format_word(&line, "RUN", console->settings.color);
    strbuf_addstr(&line, running->name);
    strbuf_addf(&line, *running->place ? " (%s)\n" : "%s\n", running->place);
    if (!console_mark_open(console, &line, NULL))
        console_say(console, &line, false);
}

/* Up to `end`, which is the end of a line, or UINT64_MAX for all that is left. */
static void show(struct console *console, struct console_running *running,
                 struct console_stream *stream, uint64_t end)
{
    if (!stream->path || stream->shown >= end)
        return;
    bool rest = end == UINT64_MAX;
    AUTO_FREE char *prefix = prefix_of(running, running->output);
    if (!console->block)
        (void)console_mark_open(console, NULL, NULL);
    screen_file(console->settings.screen, stream->path, stream->shown,
                rest ? end : end - stream->shown, prefix, rest);
    stream->shown = end;
    console->visible_ns = console_now(console);
}

static void show_lines(struct console *console, struct console_running *running,
                       struct console_stream *stream)
{
    if (stream->whole <= stream->shown)
        return;
    show_header(console, running);
    show(console, running, stream, stream->whole);
}

static bool is_live(const struct console_running *running)
{
    return running->output == CIPLUG_OUTPUT_LIVE || running->following;
}

void console_bytes(struct console *console, struct console_running *running,
                   const struct ciplug_event *event)
{
    struct console_stream *stream = &running->streams[event->stream == CIPLUG_STDERR];
    const char *newline = memrchr(event->bytes, '\n', event->length);
    take_paths(running->streams, event->result);
    stream->end = event->offset + event->length;
    if (newline)
        stream->whole = event->offset + (uint64_t)(newline + 1 - (const char *)event->bytes);
    console_follow(console, console_now(console));
    if (is_live(running))
        show_lines(console, running, stream);
}

void console_follow(struct console *console, uint64_t now_ns)
{
    if (console->n_running != 1 || console->settings.replay)
        return;
    struct console_running *running = &console->running[0];
    if (running->output != CIPLUG_OUTPUT_GROUP || running->following ||
        now_ns < console->last_start_ns + FOLLOW_AFTER_NS)
        return;
    running->following = true;
    show_lines(console, running, &running->streams[0]);
    show_lines(console, running, &running->streams[1]);
}

static bool wants_rest(const struct console_running *running, const struct ciplug_result *result)
{
    switch (running->output) {
    case CIPLUG_OUTPUT_NONE:
        return false;
    case CIPLUG_OUTPUT_FAILURES:
        return result->final && console_is_failure(result);
    default:
        return true;
    }
}

/* Whether there is more than was shown; what the journal says counts, and what was seen. */
static bool has_rest(const struct console_stream *stream, uint64_t bytes)
{
    return stream->path && (bytes > stream->shown || stream->end > stream->shown);
}

static bool any_rest(const struct console_running *running, const struct ciplug_result *result)
{
    return has_rest(&running->streams[0], result->bytes_out) ||
           has_rest(&running->streams[1], result->bytes_err);
}

static void show_rest(struct console *console, struct console_running *running,
                      const struct ciplug_result *result)
{
    if (has_rest(&running->streams[0], result->bytes_out))
        show(console, running, &running->streams[0], UINT64_MAX);
    if (has_rest(&running->streams[1], result->bytes_err))
        show(console, running, &running->streams[1], UINT64_MAX);
}

/* The line stands above the output, or below what was followed. */
static void show_end(struct console *console, struct console_running *running,
                     const struct ciplug_event *event, const struct strbuf *line)
{
    const struct ciplug_result *result = event->result;
    bool wanted = wants_rest(running, result);
    bool below = running->headed || running->output == CIPLUG_OUTPUT_LIVE;
    bool follows = wanted && !below;
    bool said = false;
    if (below && wanted)
        show_rest(console, running, result);
    if (console->block)
        console_mark_close(console, NULL);
    if (line->len && follows && any_rest(running, result))
        said = console_mark_open(console, line, event);
    if (line->len && !said)
        console_say(console, line, !follows && !console_is_failure(result));
    if (follows)
        show_rest(console, running, result);
}

void console_end(struct console *console, struct console_running *running,
                 const struct ciplug_event *event, const struct strbuf *line)
{
    if (running) {
        take_paths(running->streams, event->result);
        show_end(console, running, event, line);
        console_remove(console, running);
        return;
    }
    /* Never announced: a journal whose start record is missing, what never started, or a verdict on
     * an item, whose output was shown with its batch. */
    if (event->result->started_ns == 0 || event->result->batch) {
        console_say(console, line, !console_is_failure(event->result));
        return;
    }
    uint64_t last_start = console->last_start_ns;
    running = console_start(console, event);
    console->last_start_ns = last_start;
    show_end(console, running, event, line);
    console_remove(console, running);
}
