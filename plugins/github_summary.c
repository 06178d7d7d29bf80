/* SPDX-License-Identifier: MIT
 *
 * The summary of the job: Markdown, in which no name and no reason is anything but text. Each
 * character that could mean something in Markdown or HTML becomes a character reference, which can
 * stand for no structure, inside of a <code> element, where nothing is linked.
 */
#include "github.h"
#include "safeguard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MOST   200
#define REASON_MOST 500
#define NS_PER_MS   UINT64_C(1000000)
/* The service refuses a step's summary above 1 MiB as a whole. */
#define SUMMARY_MOST ((size_t)1000 * 1024)
/* Room for what stands below a table that was cut. */
#define TABLE_MOST (SUMMARY_MOST - (size_t)96 * 1024)

/* ---- what is kept ---- */

static char *copy(struct github *github, const char *text)
{
    char *own = text ? strdup(text) : NULL;
    github->failed = github->failed || (text && !own);
    return own;
}

static void entry_free(struct entry *entry)
{
    free(entry->name);
    free(entry->reason);
}

static void entries_free(struct entries *entries)
{
    for (size_t i = 0; i < entries->n; i++)
        entry_free(&entries->list[i]);
    free(entries->list);
    *entries = (struct entries){0};
}

static bool grow(struct github *github, struct entries *entries)
{
    if (entries->n < entries->alloc)
        return true;
    size_t wanted = entries->alloc ? 2 * entries->alloc : 16;
    struct entry *more = realloc(entries->list, wanted * sizeof *more);
    github->failed = github->failed || !more;
    if (!more)
        return false;
    entries->list = more;
    entries->alloc = wanted;
    return true;
}

static struct entry entry_of(struct github *github, const struct ciplug_event *event)
{
    struct text name = {0};
    github_name(&name, event->command);
    github->failed = github->failed || name.failed;
    struct entry entry = {.name = copy(github, text_string(&name)),
                          .reason = copy(github, event->result->reason),
                          .outcome = event->result->outcome,
                          .ns = event->result->duration_ns,
                          .allowed = event->result->flags & CIPLUG_FLAG_ALLOWED};
    text_free(&name);
    return entry;
}

static void keep(struct github *github, struct entries *entries, size_t most,
                 const struct ciplug_event *event)
{
    if (entries->n == most)
        entries->more++;
    else if (grow(github, entries))
        entries->list[entries->n++] = entry_of(github, event);
}

/* The longest, longest first. */
static void keep_slowest(struct github *github, const struct ciplug_event *event)
{
    struct entries *slowest = &github->tale.slowest;
    uint64_t ns = event->result->duration_ns;
    size_t at = slowest->n;
    while (at > 0 && slowest->list[at - 1].ns < ns)
        at--;
    if (at == SLOWEST_MAX || !grow(github, slowest))
        return;
    if (slowest->n == SLOWEST_MAX)
        entry_free(&slowest->list[--slowest->n]);
    memmove(&slowest->list[at + 1], &slowest->list[at], (slowest->n - at) * sizeof *slowest->list);
    slowest->list[at] = entry_of(github, event);
    slowest->n++;
}

static uint64_t *counter(struct ciplug_ledger *ledger, int32_t outcome)
{
    switch (outcome) {
    case CIPLUG_PASSED:
        return &ledger->passed;
    case CIPLUG_FAILED:
        return &ledger->failed;
    case CIPLUG_SIGNALED:
        return &ledger->signaled;
    case CIPLUG_TIMEOUT:
        return &ledger->timeout;
    case CIPLUG_CANCELLED:
        return &ledger->cancelled;
    case CIPLUG_SKIPPED:
        return &ledger->skipped;
    default:
        return &ledger->error;
    }
}

static void count(struct ciplug_ledger *ledger, const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    uint64_t n = 0;
    while (command->items && command->items[n])
        n++;
    n = n ? n : 1;
    *counter(ledger, event->result->outcome) += n;
    if (event->result->outcome == CIPLUG_PASSED && (event->result->flags & CIPLUG_FLAG_FLAKY))
        ledger->flaky += n;
}

static void on_finished(struct github *github, const struct ciplug_event *event)
{
    struct tale *tale = &github->tale;
    const struct ciplug_result *result = event->result;
    if (!event->command || !result || !result->final)
        return;
    if (!event->cleanup)
        count(&tale->ledger, event);
    if (github_deserves(event))
        keep(github, event->cleanup ? &tale->cleanups : &tale->failures, FAILURES_MAX, event);
    if (result->outcome == CIPLUG_PASSED && (result->flags & CIPLUG_FLAG_FLAKY))
        keep(github, &tale->flaky, FLAKY_MAX, event);
    if (result->started_ns && !event->cleanup)
        keep_slowest(github, event);
}

void github_tale_event(struct github *github, const struct ciplug_event *event)
{
    struct tale *tale = &github->tale;
    tale->last_ns = event->time_ns;
    if (event->kind == CIPLUG_RUN_STARTED) {
        *tale = (struct tale){.begun = true,
                              .run = copy(github, event->run),
                              .started_ns = event->time_ns,
                              .last_ns = event->time_ns};
    } else if (event->kind == CIPLUG_STEP_STARTED && event->ledger && !event->cleanup) {
        tale->ledger.planned += event->ledger->planned;
    } else if (event->kind == CIPLUG_COMMAND_FINISHED) {
        on_finished(github, event);
    } else if (event->kind == CIPLUG_RUN_FINISHED) {
        tale->ended = true;
        tale->exit_status = event->exit_status;
        tale->reason = copy(github, event->text);
        if (event->ledger)
            tale->ledger = *event->ledger;
    }
}

void github_tale_free(struct tale *tale)
{
    entries_free(&tale->failures);
    entries_free(&tale->cleanups);
    entries_free(&tale->flaky);
    entries_free(&tale->slowest);
    free(tale->run);
    free(tale->reason);
    *tale = (struct tale){0};
}

/* ---- Markdown ---- */

static void add_code(struct text *out, const char *bytes, size_t most)
{
    struct text plain = {0};
    text_plain(&plain, bytes, most);
    out->failed = out->failed || plain.failed;
    text_put(out, "<code>");
    for (const char *c = text_string(&plain); *c; c++) {
        unsigned char byte = (unsigned char)*c;
        bool safe = byte >= 0x80 || byte == ' ' || (byte >= '0' && byte <= '9') ||
                    (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        if (safe || !SAFEGUARD(escaped_summary))
            text_add(out, c, 1);
        else
            text_format(out, "&#%u;", (unsigned)byte);
    }
    text_put(out, "</code>");
    text_free(&plain);
}

static void add_time(struct text *out, uint64_t ns)
{
    uint64_t ms = ns / NS_PER_MS, s = ms / 1000;
    if (s < 60)
        text_format(out, "%" PRIu64 ".%01u s", s, (unsigned)(ms % 1000 / 100));
    else if (s < 3600)
        text_format(out, "%" PRIu64 "m%02us", s / 60, (unsigned)(s % 60));
    else
        text_format(out, "%" PRIu64 "h%02um", s / 3600, (unsigned)(s % 3600 / 60));
}

static const char *outcome_of(int32_t outcome)
{
    switch (outcome) {
    case CIPLUG_PASSED:
        return "passed";
    case CIPLUG_FAILED:
        return "failed";
    case CIPLUG_SIGNALED:
        return "signaled";
    case CIPLUG_TIMEOUT:
        return "timeout";
    case CIPLUG_CANCELLED:
        return "cancelled";
    case CIPLUG_SKIPPED:
        return "skipped";
    default:
        return "error";
    }
}

static void add_verdict(struct text *out, const struct tale *tale)
{
    int32_t status = tale->exit_status;
    text_put(out, "### ciplug: ");
    if (!tale->ended)
        text_put(out, "not finished");
    else if (status == 0)
        text_put(out, "passed");
    else
        text_format(out, "%s (status %" PRId32 ")",
                    status == 3     ? "no verdict"
                    : status == 4   ? "nothing to run"
                    : status >= 128 ? "ended by a signal"
                                    : "failed",
                    status);
    text_put(out, "\n\nRun ");
    add_code(out, tale->run ? tale->run : "?", NAME_MOST);
    text_put(out, ", ");
    add_time(out, tale->last_ns > tale->started_ns ? tale->last_ns - tale->started_ns : 0);
    if (tale->reason && *tale->reason) {
        text_put(out, ": ");
        add_code(out, tale->reason, REASON_MOST);
    }
    text_put(out, "\n\n");
}

static void add_ledger(struct text *out, const struct ciplug_ledger *ledger)
{
    const struct {
        const char *name;
        uint64_t number;
    } columns[] = {
        {"planned", ledger->planned},     {"passed", ledger->passed},   {"failed", ledger->failed},
        {"signaled", ledger->signaled},   {"timeout", ledger->timeout}, {"error", ledger->error},
        {"cancelled", ledger->cancelled}, {"skipped", ledger->skipped},
    };
    const size_t n = sizeof columns / sizeof *columns;
    for (size_t i = 0; i < n; i++)
        text_format(out, "| %s ", columns[i].name);
    text_put(out, "|\n");
    for (size_t i = 0; i < n; i++)
        text_put(out, "| ---: ");
    text_put(out, "|\n");
    for (size_t i = 0; i < n; i++)
        text_format(out, "| %" PRIu64 " ", columns[i].number);
    text_put(out, "|\n\n");
    if (ledger->flaky)
        text_format(out, "%" PRIu64 " of the passed only after a retry.\n\n", ledger->flaky);
}

static void add_row(struct text *out, const struct entry *entry, bool reason)
{
    text_put(out, "| ");
    add_code(out, entry->name ? entry->name : "?", NAME_MOST);
    if (reason) {
        text_format(out, " | %s%s | ", outcome_of(entry->outcome),
                    entry->allowed ? " (allowed)" : "");
        add_code(out, entry->reason ? entry->reason : "", REASON_MOST);
    }
    text_put(out, " | ");
    add_time(out, entry->ns);
    text_put(out, " |\n");
}

static void add_table(struct text *out, const struct entries *entries, const char *title,
                      bool reason)
{
    if (!entries->n)
        return;
    uint64_t more = entries->more;
    text_format(out, "#### %s: %" PRIu64 "\n\n", title, entries->n + more);
    text_put(out, reason ? "| command | outcome | reason | time |\n| --- | --- | --- | ---: |\n"
                         : "| command | time |\n| --- | ---: |\n");
    for (size_t i = 0; i < entries->n; i++) {
        if (out->length < TABLE_MOST || !SAFEGUARD(summary_limit))
            add_row(out, &entries->list[i], reason);
        else
            more++;
    }
    text_put(out, "\n");
    if (more)
        text_format(out, "And %" PRIu64 " more.\n\n", more);
}

void github_tell(struct github *github)
{
    struct tale *tale = &github->tale;
    struct text *out = &github->summary;
    if (out->length < TABLE_MOST) {
        add_verdict(out, tale);
        add_ledger(out, &tale->ledger);
        add_table(out, &tale->failures, "Failures", true);
        add_table(out, &tale->cleanups, "Cleanup failures", true);
        add_table(out, &tale->flaky, "Passed only after a retry", false);
        if (tale->slowest.n > 1)
            add_table(out, &tale->slowest, "Slowest", false);
    }
    github_tale_free(tale);
}

/* ---- the file ---- */

static int cannot(const struct github *github, const char *path)
{
    struct text line = {0};
    text_put(&line, "cannot write the summary ");
    text_put(&line, path);
    text_put(&line, ": ");
    text_put(&line, strerror(errno));
    github->api->message(github->api, CIPLUG_LOG_ERROR, text_string(&line));
    text_free(&line);
    return -1;
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Where others have left less room, whole lines of ours go in: verdict and numbers come first. */
static size_t fitting(const struct text *text, size_t room)
{
    if (text->length <= room || !SAFEGUARD(summary_limit))
        return text->length;
    while (room > 0 && text->bytes[room - 1] != '\n')
        room--;
    return room;
}

int github_append(struct github *github, const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int result = cannot(github, path);
        if (fd >= 0)
            close(fd);
        return result;
    }
    size_t used = st.st_size > 0 ? (size_t)st.st_size : 0;
    size_t n = fitting(&github->summary, used < SUMMARY_MOST ? SUMMARY_MOST - used : 0);
    if (n < github->summary.length)
        github->api->message(github->api, CIPLUG_LOG_WARNING,
                             "the job summary has no room for all of this run");
    int result = 0;
    errno = EINVAL;
    if (!S_ISREG(st.st_mode) || write_all(fd, text_string(&github->summary), n) < 0)
        result = cannot(github, path);
    if (close(fd) < 0 && result == 0)
        result = cannot(github, path);
    return result;
}
