/* SPDX-License-Identifier: MIT */
#include "console_format.h"
#include "console_state.h"
#include "util.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HEARTBEAT_NS  (30 * NS_PER_S)
#define STATUS_LINES  5
#define HEARTBEAT_MAX 5
#define DUMP_BYTES    4096

static uint64_t since(uint64_t start_ns, uint64_t now_ns)
{
    return now_ns > start_ns ? now_ns - start_ns : 0;
}

static uint64_t count_done(const struct ciplug_ledger *run)
{
    return run->passed + run->failed + run->signaled + run->timeout + run->error + run->cancelled +
           run->skipped;
}

/* "4/12 done, 1 failed, 2 running". */
static void add_counts(const struct console *console, struct strbuf *out)
{
    const struct ciplug_ledger *run = &console->ledger.run;
    uint64_t failed = run->failed + run->signaled + run->timeout + run->error;
    strbuf_addf(out, "%llu/%llu done", (unsigned long long)count_done(run),
                (unsigned long long)run->planned);
    if (failed)
        strbuf_addf(out, ", %llu failed", (unsigned long long)failed);
    strbuf_addf(out, ", %zu running", console->n_running);
}

static void add_running(const struct console_running *running, uint64_t now_ns, struct strbuf *out)
{
    strbuf_addf(out, "%s ", running->name);
    format_elapsed(out, since(running->started_ns, now_ns));
}

void console_status(struct console *console, uint64_t now_ns)
{
    if (!console->settings.progress || console->settings.verbosity < 0 || console->settings.replay)
        return;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    size_t n = console->n_running < STATUS_LINES ? console->n_running : STATUS_LINES;
    for (size_t i = 0; i < n; i++) {
        strbuf_addstr(&text, "  ");
        add_running(&console->running[i], now_ns, &text);
        strbuf_addch(&text, '\n');
    }
    if (console->n_running > n)
        strbuf_addf(&text, "  and %zu more\n", console->n_running - n);
    add_counts(console, &text);
    strbuf_addstr(&text, ", ");
    format_elapsed(&text, since(console->started_ns, now_ns));
    strbuf_addch(&text, '\n');
    screen_status(console->settings.screen, console->finished ? "" : text.buf);
}

static void heartbeat(struct console *console, uint64_t now_ns)
{
    if (!console->settings.heartbeat || console->settings.verbosity < 0 || !console->n_running ||
        since(console->visible_ns, now_ns) < HEARTBEAT_NS)
        return;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    add_counts(console, &text);
    size_t n = console->n_running < HEARTBEAT_MAX ? console->n_running : HEARTBEAT_MAX;
    for (size_t i = 0; i < n; i++) {
        strbuf_addstr(&text, i ? ", " : ": ");
        add_running(&console->running[i], now_ns, &text);
    }
    if (console->n_running > n)
        strbuf_addf(&text, " and %zu more", console->n_running - n);
    strbuf_addch(&text, '\n');
    console_say(console, &text, true);
    console->visible_ns = now_ns;
}

void console_tick(struct console *console, uint64_t now_ns)
{
    if (console->settings.replay)
        return;
    console_follow(console, now_ns);
    heartbeat(console, now_ns);
    console_status(console, now_ns);
}

static uint64_t changed_ns(const struct console_stream *stream)
{
    struct stat st;
    if (!stream->path || stat(stream->path, &st) < 0 || st.st_size == 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
}

/* Of the log that was written to last. */
static void add_last_line(const struct console_running *running, struct strbuf *out)
{
    AUTO_STRBUF struct strbuf last = STRBUF_INIT;
    const struct console_stream *streams = running->streams;
    int newer = changed_ns(&streams[1]) > changed_ns(&streams[0]);
    uint64_t offset;
    if (streams[newer].path)
        (void)console_tail(streams[newer].path, DUMP_BYTES, 1, &offset, &last);
    while (last.len && strchr("\r\n", last.buf[last.len - 1]))
        strbuf_cut(&last, last.len - 1);
    format_reason(out, last.len ? last.buf : "(no output yet)");
}

static void add_time_of_day(uint64_t wall_ns, struct strbuf *out)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm local;
    if (wall_ns && localtime_r(&seconds, &local))
        strbuf_addf(out, " since %02d:%02d:%02d", local.tm_hour, local.tm_min, local.tm_sec);
}

static void dump_one(struct console *console, const struct console_running *running,
                     uint64_t now_ns)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    strbuf_addf(&line, "  %s for ", running->name);
    format_elapsed(&line, since(running->started_ns, now_ns));
    add_time_of_day(running->started_wall_ns, &line);
    if (*running->place)
        strbuf_addf(&line, " (%s)", running->place);
    add_last_line(running, &line);
    strbuf_addch(&line, '\n');
    console_say(console, &line, false);
}

void console_dump(struct console *console, const struct strbuf *more)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    uint64_t now = console_now(console);
    strbuf_addf(&line, "run %s: ", console->run ? console->run : "?");
    add_counts(console, &line);
    strbuf_addstr(&line, ", ");
    format_elapsed(&line, since(console->started_ns, now));
    strbuf_addch(&line, '\n');
    console_say(console, &line, false);
    for (size_t i = 0; i < console->n_running; i++)
        dump_one(console, &console->running[i], now);
    if (more)
        console_say(console, more, false);
}
